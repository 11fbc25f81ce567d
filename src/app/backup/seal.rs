//! Encryption of backups with `BACKUP_KEY`.
//!
//! A sealed file is [`MAGIC`], 16 random bytes of salt, and pieces of 64 KiB (the last has what is left, and may be empty), each sealed by
//! AES-256-GCM with 16 bytes of tag behind it. The key is Argon2id (64 MiB, three passes, one lane) of `BACKUP_KEY` and the salt, so it is
//! another one for each file. The nonce of a piece is three zero bytes, its number (big-endian, eight bytes), and 1 for the last piece or
//! else 0: pieces that were exchanged, repeated or left out are not accepted. Magic and salt are authenticated with each piece.

use std::io::{self, ErrorKind, Read, Write};

use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use rand::RngCore;
use secrecy::{ExposeSecret, SecretString};

use crate::platform::config::Reader;

/// What a sealed backup begins with: the name and the version of this format.
pub const MAGIC: &[u8; 24] = b"Tessera sealed backup 1\n";
const SALT: usize = 16;
const HEAD: usize = MAGIC.len() + SALT;
const PIECE: usize = 64 * 1024;
const TAG: usize = 16;
const LEAST_CHARS: usize = 16;

/// `BACKUP_KEY` (none: not encrypted): a passphrase.
pub(crate) fn read_backup_key(reader: &mut Reader) -> Option<SecretString> {
    let key = reader.text("BACKUP_KEY")?;
    if key.chars().count() < LEAST_CHARS {
        reader.problem(
            "BACKUP_KEY",
            format!("has fewer than {LEAST_CHARS} characters (openssl rand -base64 32 makes one)"),
        );
    }
    Some(key.into())
}

struct Sealing {
    key: LessSafeKey,
    head: [u8; HEAD],
    pieces: u64,
}

impl Sealing {
    fn new(passphrase: &SecretString, head: [u8; HEAD]) -> io::Result<Self> {
        let mut key = [0; 32];
        let hashed = Params::new(64 * 1024, 3, 1, Some(key.len())).and_then(|params| {
            let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
            argon2.hash_password_into(passphrase.expose_secret().as_bytes(), &head[MAGIC.len()..], &mut key)
        });
        hashed.map_err(|error| io::Error::other(error.to_string()))?;
        let key = UnboundKey::new(&AES_256_GCM, &key).map_err(io::Error::other)?;
        Ok(Self { key: LessSafeKey::new(key), head, pieces: 0 })
    }

    fn nonce(&mut self, is_last: bool) -> Nonce {
        let mut nonce = [0; 12];
        nonce[3..11].copy_from_slice(&self.pieces.to_be_bytes());
        nonce[11] = is_last.into();
        self.pieces += 1;
        Nonce::assume_unique_for_key(nonce)
    }
}

/// Seals what is written to it.
pub struct SealedWriter<W: Write> {
    to: W,
    sealing: Sealing,
    piece: Vec<u8>,
}

impl<W: Write> SealedWriter<W> {
    /// # Errors
    /// When it cannot be written.
    pub fn new(mut to: W, passphrase: &SecretString) -> io::Result<Self> {
        let mut head = [0; HEAD];
        head[..MAGIC.len()].copy_from_slice(MAGIC);
        rand::rng().fill_bytes(&mut head[MAGIC.len()..]);
        to.write_all(&head)?;
        Ok(Self { to, sealing: Sealing::new(passphrase, head)?, piece: Vec::with_capacity(PIECE + TAG) })
    }

    /// Writes the last piece: only then it can be opened.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn finish(mut self) -> io::Result<W> {
        self.seal(true)?;
        Ok(self.to)
    }

    fn seal(&mut self, is_last: bool) -> io::Result<()> {
        let nonce = self.sealing.nonce(is_last);
        let sealed = self.sealing.key.seal_in_place_append_tag(nonce, Aad::from(self.sealing.head), &mut self.piece);
        sealed.map_err(io::Error::other)?;
        self.to.write_all(&self.piece)?;
        self.piece.clear();
        Ok(())
    }
}

impl<W: Write> Write for SealedWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A full piece waits until it is known not to be the last.
        if self.piece.len() == PIECE {
            self.seal(false)?;
        }
        let taken = bytes.len().min(PIECE - self.piece.len());
        self.piece.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// Opens what a [`SealedWriter`] has written; hands on nothing that is not authentic.
pub struct SealedReader<R: Read> {
    from: R,
    sealing: Sealing,
    /// What was opened and not read yet, from `read` on.
    piece: Vec<u8>,
    read: usize,
    /// The piece after it, as it is in the file. Empty: there is none.
    next: Vec<u8>,
}

impl<R: Read> SealedReader<R> {
    /// Of a file that begins with [`MAGIC`].
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn new(mut from: R, passphrase: &SecretString) -> io::Result<Self> {
        let mut head = [0; HEAD];
        from.read_exact(&mut head)?;
        let sealing = Sealing::new(passphrase, head)?;
        let next = read_piece(&mut from)?;
        Ok(Self { from, sealing, piece: Vec::new(), read: 0, next })
    }

    fn open(&mut self) -> io::Result<()> {
        let after = read_piece(&mut self.from)?;
        self.piece = std::mem::replace(&mut self.next, after);
        let is_first = self.sealing.pieces == 0;
        let nonce = self.sealing.nonce(self.next.is_empty());
        let opened = self.sealing.key.open_in_place(nonce, Aad::from(self.sealing.head), &mut self.piece);
        let length = opened.map(|plain| plain.len()).map_err(|_| {
            let text = if is_first {
                "BACKUP_KEY is not the one that it was encrypted with, or it is damaged"
            } else {
                "it is damaged, or ends in the middle"
            };
            io::Error::new(ErrorKind::InvalidData, text)
        })?;
        self.piece.truncate(length);
        self.read = 0;
        Ok(())
    }
}

impl<R: Read> Read for SealedReader<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        while self.read == self.piece.len() {
            if self.next.is_empty() && self.sealing.pieces > 0 {
                return Ok(0);
            }
            self.open()?;
        }
        let read = to.len().min(self.piece.len() - self.read);
        to[..read].copy_from_slice(&self.piece[self.read..self.read + read]);
        self.read += read;
        Ok(read)
    }
}

fn read_piece(from: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut piece = Vec::new();
    from.take((PIECE + TAG) as u64).read_to_end(&mut piece)?;
    Ok(piece)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> SecretString {
        text.into()
    }

    fn sealed(plain: &[u8]) -> Vec<u8> {
        let mut writer = SealedWriter::new(Vec::new(), &key("four unrelated words")).unwrap();
        writer.write_all(plain).unwrap();
        writer.finish().unwrap()
    }

    fn opened(bytes: &[u8], passphrase: &str) -> io::Result<Vec<u8>> {
        let mut plain = Vec::new();
        SealedReader::new(bytes, &key(passphrase))?.read_to_end(&mut plain)?;
        Ok(plain)
    }

    #[test]
    fn it_opens_with_its_key_alone_and_is_another_file_each_time() {
        for length in [0, 1, PIECE - 1, PIECE, PIECE + 1, 3 * PIECE] {
            let plain: Vec<u8> = (0..length).map(|n| u8::try_from(n % 251).unwrap()).collect();
            let file = sealed(&plain);
            assert_eq!(opened(&file, "four unrelated words").unwrap(), plain, "{length}");
            assert_ne!(file, sealed(&plain), "{length}");
            assert!(opened(&file, "four unrelated swords").unwrap_err().to_string().contains("BACKUP_KEY"), "{length}");
        }
        let file = sealed(&b"sixteen letters ".repeat(100));
        assert!(!file.windows(16).any(|window| window == b"sixteen letters "));
    }

    #[test]
    fn what_was_changed_cut_or_exchanged_is_not_opened() {
        let file = sealed(&vec![7; 3 * PIECE + 100]);
        let piece = |number: usize| HEAD + number * (PIECE + TAG);
        // The salt, a piece, its tag.
        for at in [MAGIC.len(), piece(1) + 5, piece(2) - 1] {
            let mut wrong = file.clone();
            wrong[at] ^= 1;
            assert!(opened(&wrong, "four unrelated words").is_err(), "{at}");
        }
        for length in [HEAD, piece(1), piece(2), piece(3), file.len() - 1] {
            assert!(opened(&file[..length], "four unrelated words").is_err(), "{length}");
        }
        let exchanged =
            [&file[..piece(0)], &file[piece(1)..piece(2)], &file[piece(0)..piece(1)], &file[piece(2)..]].concat();
        assert!(opened(&exchanged, "four unrelated words").is_err());
        let longer = [&file[..], &file[piece(3)..]].concat();
        assert!(opened(&longer, "four unrelated words").is_err());
    }
}
