//! Names of all calls of the gRPC door.

use crate::proto;
use prost::Message;
use prost_types::FileDescriptorSet;
use std::collections::HashSet;
use std::sync::LazyLock;
use tonic_reflection::pb;

/// Paths of the calls without the leading slash, by the descriptors built into the binary.
static CALLS: LazyLock<HashSet<String>> = LazyLock::new(|| {
    [
        proto::DESCRIPTORS,
        tonic_health::pb::FILE_DESCRIPTOR_SET,
        pb::v1::FILE_DESCRIPTOR_SET,
        pb::v1alpha::FILE_DESCRIPTOR_SET,
    ]
    .into_iter()
    .filter_map(|set| FileDescriptorSet::decode(set).ok())
    .flat_map(|set| set.file)
    .flat_map(|file| {
        let package = file.package().to_owned();
        let of_service = move |service: prost_types::ServiceDescriptorProto| {
            let service_name = format!("{package}.{}", service.name());
            service.method.into_iter().map(move |method| format!("{service_name}/{}", method.name()))
        };
        file.service.into_iter().flat_map(of_service)
    })
    .collect()
});

/// Service and method that a path calls, if there is such a call.
pub fn call_of(path: &str) -> Option<&'static str> {
    path.strip_prefix('/').and_then(|call| CALLS.get(call)).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_are_known_by_their_paths() {
        for path in [
            super::super::SUBMIT_JOBS,
            "/herdgate.v1.AdminService/AddRepository",
            "/grpc.health.v1.Health/Watch",
            "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
            "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        ] {
            assert_eq!(call_of(path), path.strip_prefix('/'));
        }
        for path in ["/herdgate.v1.IngestService/Other", "/", "", "/schemas/"] {
            assert_eq!(call_of(path), None, "{path}");
        }
    }
}
