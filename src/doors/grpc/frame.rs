//! Frames of a `SubmitJobs` stream, read as raw bytes and decoded here (design rule R4).

use bytes::{Buf, Bytes};
use prost::Message;
use std::marker::PhantomData;
use tonic::Status;
use tonic::codec::{Codec, DecodeBuf, Decoder};
use tonic_prost::ProstEncoder;

/// One frame as it came: decoding it is the stream handler's business, so that a frame of garbage is
/// one refused submission and not the end of the stream.
#[derive(Debug, Clone)]
pub struct SubmitJobsFrame(pub Bytes);

/// What a frame of bytes is read as.
pub trait Frame: Sized {
    /// # Errors
    /// `INVALID_ARGUMENT` if the bytes are not such a message.
    fn read(buffer: &mut DecodeBuf<'_>) -> Result<Self, Status>;
}

impl Frame for SubmitJobsFrame {
    fn read(buffer: &mut DecodeBuf<'_>) -> Result<Self, Status> {
        Ok(Self(buffer.copy_to_bytes(buffer.remaining())))
    }
}

impl<M: Message + Default> Frame for M {
    fn read(buffer: &mut DecodeBuf<'_>) -> Result<Self, Status> {
        M::decode(buffer)
            .map_err(|error| Status::invalid_argument(format!("the message does not decode: {error}")))
    }
}

/// Codec of all services: messages by prost, submitted frames raw.
#[derive(Debug, Clone)]
pub struct FrameCodec<T, U>(PhantomData<(T, U)>);

impl<T, U> Default for FrameCodec<T, U> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<T, U> Codec for FrameCodec<T, U>
where
    T: Message + Send + 'static,
    U: Frame + Send + 'static,
{
    type Encode = T;
    type Decode = U;
    type Encoder = ProstEncoder<T>;
    type Decoder = FrameDecoder<U>;

    fn encoder(&mut self) -> Self::Encoder {
        ProstEncoder::default()
    }

    fn decoder(&mut self) -> Self::Decoder {
        FrameDecoder(PhantomData)
    }
}

/// See [`FrameCodec`].
#[derive(Debug, Clone)]
pub struct FrameDecoder<U>(PhantomData<U>);

impl<U: Frame> Decoder for FrameDecoder<U> {
    type Item = U;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<U>, Status> {
        U::read(buffer).map(Some)
    }
}
