//! A ZIP file that is written as it goes: file after file, in pieces of a fixed size, with no more than a few of them in memory.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::{Bytes, BytesMut};
use serde::Serialize;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use zip::write::{SimpleFileOptions, StreamWriter};
use zip::{CompressionMethod, ZipWriter};

use super::error::{AppError, AppResult};

/// How large the pieces are; the last is what is left.
pub const PIECE: usize = 1024 * 1024;
/// What is compressed at once, beside the other work of a thread; more is done on threads that may block.
const LITTLE: usize = 16 * 1024;

/// Whether a file is worth compressing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    Text,
    /// Pictures and PDF are compressed already.
    Stored,
}

/// An archive in the making.
pub struct Archive {
    /// `None`: it is being written to, or broke.
    zip: Option<Box<ZipWriter<StreamWriter<Unsent>>>>,
    unsent: Unsent,
    pieces: mpsc::Sender<Bytes>,
    files: u64,
}

/// What was written and has not left yet.
#[derive(Clone, Default)]
struct Unsent(Arc<Mutex<BytesMut>>);

impl Write for Unsent {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Archive {
    /// An empty one, whose pieces go there. Whoever takes them sets the pace.
    #[must_use]
    pub fn new(pieces: mpsc::Sender<Bytes>) -> Self {
        let unsent = Unsent::default();
        Self { zip: Some(Box::new(ZipWriter::new_stream(unsent.clone()))), unsent, pieces, files: 0 }
    }

    /// How many files it has.
    #[must_use]
    pub const fn files(&self) -> u64 {
        self.files
    }

    /// Begins a file. Names are made here of ids and of letters and digits: nothing that a path could mean.
    ///
    /// # Errors
    /// [`AppError::Internal`], also for a name that is there already.
    pub async fn begin(&mut self, name: &str, packing: Packing) -> AppResult<()> {
        let method = match packing {
            Packing::Text => CompressionMethod::Deflated,
            Packing::Stored => CompressionMethod::Stored,
        };
        let options = SimpleFileOptions::default().compression_method(method).unix_permissions(0o600);
        self.files += 1;
        let name = name.to_owned();
        self.change(0, move |zip| zip.start_file(name, options)).await
    }

    /// Adds to the file that was begun last.
    ///
    /// # Errors
    /// [`AppError::Internal`]; [`AppError::Unavailable`] where nobody takes the pieces any more.
    pub async fn write(&mut self, bytes: impl Into<Bytes>) -> AppResult<()> {
        let mut bytes = bytes.into();
        while !bytes.is_empty() {
            let part = bytes.split_to(bytes.len().min(PIECE));
            self.change(part.len(), move |zip| Ok(zip.write_all(&part)?)).await?;
            self.send(PIECE).await?;
        }
        Ok(())
    }

    /// Adds a whole file.
    ///
    /// # Errors
    /// As [`Archive::begin`] and [`Archive::write`].
    pub async fn add(&mut self, name: &str, packing: Packing, bytes: impl Into<Bytes>) -> AppResult<()> {
        self.begin(name, packing).await?;
        self.write(bytes).await
    }

    /// Adds a file of JSON, which people can read too.
    ///
    /// # Errors
    /// As [`Archive::add`].
    pub async fn add_json(&mut self, name: &str, value: &impl Serialize) -> AppResult<()> {
        let mut json = serde_json::to_vec_pretty(value).map_err(|_| AppError::Internal)?;
        json.push(b'\n');
        self.add(name, Packing::Text, json).await
    }

    /// Ends it: only then it can be opened.
    ///
    /// # Errors
    /// As [`Archive::write`].
    pub async fn finish(mut self) -> AppResult<()> {
        let zip = self.zip.take().ok_or(AppError::Internal)?;
        let ended = spawn_blocking(move || zip.finish().map(drop)).await.map_err(|_| AppError::Internal)?;
        ended.map_err(|error| broken(&error))?;
        self.send(1).await
    }

    async fn change(
        &mut self,
        bytes: usize,
        work: impl FnOnce(&mut ZipWriter<StreamWriter<Unsent>>) -> zip::result::ZipResult<()> + Send + 'static,
    ) -> AppResult<()> {
        let mut zip = self.zip.take().ok_or(AppError::Internal)?;
        let (zip, done) = if bytes <= LITTLE {
            let done = work(&mut zip);
            (zip, done)
        } else {
            let work = move || {
                let done = work(&mut zip);
                (zip, done)
            };
            spawn_blocking(work).await.map_err(|_| AppError::Internal)?
        };
        done.map_err(|error| broken(&error))?;
        self.zip = Some(zip);
        Ok(())
    }

    /// Hands on what there is, in pieces, as long as there are `least` bytes of it.
    async fn send(&self, least: usize) -> AppResult<()> {
        loop {
            let piece = {
                let mut unsent = self.unsent.0.lock().unwrap_or_else(PoisonError::into_inner);
                let there = unsent.len();
                if there < least { None } else { Some(unsent.split_to(there.min(PIECE)).freeze()) }
            };
            let Some(piece) = piece else { return Ok(()) };
            self.pieces.send(piece).await.map_err(|_| AppError::Unavailable)?;
        }
    }
}

fn broken(error: &zip::result::ZipError) -> AppError {
    tracing::error!(%error, "an archive could not be written");
    AppError::Internal
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Read};

    use super::*;

    #[tokio::test]
    async fn what_is_written_piece_by_piece_opens_as_one_archive() {
        let (pieces, mut written) = mpsc::channel(2);
        let long = "what was said\n".repeat(20_000);
        let noise: Vec<u8> = (0..3 * PIECE).map(|n| u8::try_from(n * n / 7 % 251).unwrap()).collect();
        let (text, picture) = (long.clone(), noise.clone());
        let writing = tokio::spawn(async move {
            let mut archive = Archive::new(pieces);
            archive.add("a/long.md", Packing::Text, text).await.unwrap();
            archive.add("b.png", Packing::Stored, picture).await.unwrap();
            archive.add_json("c.json", &["é"]).await.unwrap();
            assert_eq!(archive.files(), 3);
            archive.finish().await.unwrap();
        });
        let mut all = Vec::new();
        while let Some(piece) = written.recv().await {
            assert!((1..=PIECE).contains(&piece.len()), "{}", piece.len());
            all.extend_from_slice(&piece);
        }
        writing.await.unwrap();
        assert!(all.len() < noise.len() + long.len() / 4, "text is compressed: {}", all.len());
        let mut archive = zip::ZipArchive::new(Cursor::new(all)).unwrap();
        let mut read = |name: &str| {
            let mut bytes = Vec::new();
            archive.by_name(name).unwrap().read_to_end(&mut bytes).unwrap();
            bytes
        };
        assert_eq!(read("a/long.md"), long.as_bytes());
        assert_eq!(read("b.png"), noise);
        assert_eq!(read("c.json"), "[\n  \"é\"\n]\n".as_bytes());
    }

    #[tokio::test]
    async fn a_name_is_used_once_and_nobody_writes_for_nobody() {
        let (pieces, written) = mpsc::channel(1);
        let mut archive = Archive::new(pieces.clone());
        archive.begin("same", Packing::Text).await.unwrap();
        assert_eq!(archive.begin("same", Packing::Text).await, Err(AppError::Internal));
        drop(written);
        let mut archive = Archive::new(pieces);
        archive.begin("large", Packing::Stored).await.unwrap();
        assert_eq!(archive.write(vec![0; 2 * PIECE]).await, Err(AppError::Unavailable));
    }
}
