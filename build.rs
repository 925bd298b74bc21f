//! Generates messages, clients and servers from `proto/`, without an installed `protoc`.

use std::path::PathBuf;
use std::{env, error::Error, fs};

const PROTOS: [&str; 6] = [
    "herdgate/v1/job.proto",
    "herdgate/v1/push.proto",
    "herdgate/v1/verdict.proto",
    "herdgate/v1/ingest_service.proto",
    "herdgate/v1/query_service.proto",
    "herdgate/v1/admin_service.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=proto");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let files = protox::compile(PROTOS, ["proto"])?;
    fs::write(out.join("descriptor.bin"), protox::prost::Message::encode_to_vec(&files))?;

    tonic_prost_build::configure()
        .build_server(false)
        .bytes(".herdgate.v1.JobSubmission.pulse_json")
        .compile_fds(files.clone())?;

    // Servers once more, apart: the stream of submissions arrives there as raw frames, so that one
    // that does not decode can be refused by itself (design rule R4).
    let servers = out.join("servers");
    fs::create_dir_all(&servers)?;
    tonic_prost_build::configure()
        .build_client(false)
        .out_dir(&servers)
        .extern_path(".herdgate.v1.SubmitJobsRequest", "crate::doors::grpc::frame::SubmitJobsFrame")
        .extern_path(".herdgate.v1", "crate::proto")
        .codec_path("crate::doors::grpc::frame::FrameCodec")
        .compile_fds(files)?;
    Ok(())
}
