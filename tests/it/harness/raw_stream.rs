//! A `SubmitJobs` call whose request is any bytes at all.

use super::gateway::Gateway;
use bytes::{BufMut, Bytes, BytesMut};
use herdgate::proto::{JobSubmission, SequencedVerdict, SubmitJobsRequest, SubmitJobsResponse};
use prost::Message;
use std::convert::Infallible;
use tonic::codec::Codec;
use tonic::{Status, Streaming};
use tonic_prost::ProstCodec;
use tower::ServiceExt;

/// A well-formed gRPC frame around a payload.
pub fn frame(payload: &[u8]) -> Bytes {
    let mut bytes = BytesMut::with_capacity(payload.len() + 5);
    bytes.put_u8(0);
    bytes.put_u32(payload.len().try_into().unwrap());
    bytes.put_slice(payload);
    bytes.freeze()
}

/// The frame of a submission.
pub fn submission_frame(sequence: u64, submission: JobSubmission) -> Bytes {
    frame(&SubmitJobsRequest { sequence, submission: Some(submission) }.encode_to_vec())
}

/// Sends the chunks of bytes, then half-closes. Gives all verdicts and how the stream ended.
pub async fn submit_raw(
    gateway: &Gateway,
    chunks: Vec<Bytes>,
) -> (Vec<SequencedVerdict>, Result<(), Status>) {
    let chunks = futures::stream::iter(chunks.into_iter().map(Ok::<_, Infallible>));
    let request = http::Request::post(format!("{}/herdgate.v1.IngestService/SubmitJobs", gateway.address()))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .header("authorization", format!("Bearer {}", gateway.token))
        .body(tonic::body::Body::new(axum::body::Body::from_stream(chunks)))
        .unwrap();
    let response = gateway.channel().oneshot(request).await.unwrap();
    if let Some(status) = Status::from_header_map(response.headers()) {
        return (Vec::new(), if status.code() == tonic::Code::Ok { Ok(()) } else { Err(status) });
    }
    let decoder = ProstCodec::<SubmitJobsRequest, SubmitJobsResponse>::default().decoder();
    let (parts, body) = response.into_parts();
    let mut responses = Streaming::new_response(decoder, body, parts.status, None, None);
    let mut verdicts = Vec::new();
    loop {
        match responses.message().await {
            Ok(Some(response)) => verdicts.extend(response.verdicts),
            Ok(None) => return (verdicts, Ok(())),
            Err(status) => return (verdicts, Err(status)),
        }
    }
}
