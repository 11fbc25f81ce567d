//! `APP_SECRET`: what the server knows and its database does not, and what is sealed with it (AES-256-GCM, under a key of its own
//! for each purpose).
//!
//! Where it is not set, it is made: one server keeps it in `DATA_DIR`, servers that share a database keep it there, which is no
//! protection from whoever reads that database.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::hkdf::{HKDF_SHA256, Salt};
use mongodb::bson::{Document, doc};
use rand::RngCore;
use secrecy::{ExposeSecret, SecretString};

use super::config::Reader;
use super::db::mongo::{Durability, Mongo, is_duplicate, run};
use super::db::{Database, DatabaseConfig, StoreResult};
use super::error::{AppError, AppResult};
use super::private_files::private_folder;
use super::secret::new_secret;

/// The file in `DATA_DIR`.
pub const FILE: &str = "app.secret";
/// What is shorter could be guessed.
const LEAST_CHARS: usize = 32;
/// Before what is sealed, so that it could be sealed otherwise one day.
const VERSION: u8 = 1;
const SALT: &[u8] = b"tessera";

/// What is set of it.
#[derive(Debug, Clone, Default)]
pub struct AppSecretConfig {
    /// `APP_SECRET`: at least 32 characters. `None`: that of the file.
    set: Option<SecretString>,
    /// `APP_SECRET_OLD`: the one of before, with which is read what was sealed with it.
    old: Option<SecretString>,
}

impl AppSecretConfig {
    pub(crate) fn read(reader: &mut Reader) -> Self {
        let mut secret = |name: &str| {
            let text = reader.text(name)?;
            if text.chars().count() < LEAST_CHARS {
                reader.problem(name, format!("has less than {LEAST_CHARS} characters (openssl rand -base64 32)"));
            }
            Some(SecretString::from(text))
        };
        Self { set: secret("APP_SECRET"), old: secret("APP_SECRET_OLD") }
    }

    /// The secret as it is set, or that which is kept, which is made where there is none.
    ///
    /// # Errors
    /// One line that names the variable: what is kept cannot be read or made.
    pub async fn open(&self, database: &Database, folder: &Path) -> Result<AppSecret, String> {
        let shared = match database {
            Database::Sqlite(_) => None,
            Database::Mongo(mongo) => {
                let shared = shared_by_servers(mongo, self.set.is_none()).await;
                shared.map_err(|error| format!("APP_SECRET: {error}"))?
            }
        };
        self.open_with(shared.map(SecretString::from), folder)
    }

    /// The same with what the servers share. What they shared before the secret was set still opens what it sealed.
    fn open_with(&self, shared: Option<SecretString>, folder: &Path) -> Result<AppSecret, String> {
        let mut old: Vec<_> = self.old.iter().cloned().collect();
        let current = match (&self.set, shared) {
            (Some(set), shared) => {
                old.extend(shared);
                set.clone()
            }
            (None, Some(shared)) => shared,
            (None, None) => {
                let file = folder.join(FILE);
                let kept = kept_or_made(folder, &file);
                kept.map_err(|error| format!("APP_SECRET: {}: {error}", file.display()))?.into()
            }
        };
        Ok(AppSecret(Arc::new(Secrets { current, old })))
    }

    /// Whether it is known to the environment, not to files or the database.
    #[must_use]
    pub const fn is_set(&self) -> bool {
        self.set.is_some()
    }

    /// Where it is, for people.
    #[must_use]
    pub fn place(&self, database: &DatabaseConfig, folder: &Path) -> String {
        match (&self.set, database) {
            (Some(_), _) => "APP_SECRET".to_owned(),
            (None, DatabaseConfig::Mongo(_)) => "the secret in the database".to_owned(),
            (None, DatabaseConfig::Sqlite) => folder.join(FILE).display().to_string(),
        }
    }
}

/// What servers keep in the database that they share; where there is nothing, it is made or `None`.
async fn shared_by_servers(mongo: &Mongo, is_made: bool) -> StoreResult<Option<String>> {
    let secrets = mongo.collection::<Document>("secrets", Durability::Durable);
    let find = || {
        let secrets = secrets.clone();
        run(async move { secrets.find_one(doc! { "_id": "app" }).await })
    };
    let mut found = find().await?;
    if found.is_none() && is_made {
        let secrets = secrets.clone();
        let inserted =
            run(async move { secrets.insert_one(doc! { "_id": "app", "secret": new_secret() }).await }).await;
        // Another server may have been faster.
        inserted.map(drop).or_else(|error| if is_duplicate(&error) { Ok(()) } else { Err(error) })?;
        found = find().await?;
    }
    Ok(found.and_then(|secret| secret.get_str("secret").ok().map(str::to_owned)))
}

/// What the file says. Of several servers that make it at once, one does, and the others read it.
fn kept_or_made(folder: &Path, file: &Path) -> io::Result<String> {
    if !file.exists() {
        private_folder(folder)?;
        let part = folder.join(format!("{FILE}.{}.part", new_secret()));
        let written = (|| {
            let mut made = OpenOptions::new().create_new(true).write(true).mode(0o600).open(&part)?;
            writeln!(made, "{}", new_secret())?;
            made.sync_all()?;
            // Fails where somebody was faster, which a rename would not.
            match fs::hard_link(&part, file) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
                _ => fs::File::open(folder)?.sync_all(),
            }
        })();
        _ = fs::remove_file(&part);
        written?;
    }
    let kept = fs::read_to_string(file)?.trim().to_owned();
    if kept.chars().count() < LEAST_CHARS {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "it is no secret of this program"));
    }
    Ok(kept)
}

/// Seals, and opens what was sealed. Cheap to clone.
#[derive(Clone)]
pub struct AppSecret(Arc<Secrets>);

struct Secrets {
    current: SecretString,
    old: Vec<SecretString>,
}

/// What was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    pub plain: Vec<u8>,
    /// Not with the secret of before.
    pub is_current: bool,
}

impl AppSecret {
    /// Seals something for a purpose and a context; only for both is it opened again.
    ///
    /// # Errors
    /// [`AppError::Internal`].
    pub fn seal(&self, purpose: &str, context: &[u8], plain: &[u8]) -> AppResult<Vec<u8>> {
        let mut nonce = [0; NONCE_LEN];
        rand::rng().fill_bytes(&mut nonce);
        let mut sealed = plain.to_vec();
        let done = key(&self.0.current, purpose).and_then(|key| {
            let nonce = Nonce::assume_unique_for_key(nonce);
            key.seal_in_place_append_tag(nonce, Aad::from(context), &mut sealed).ok()
        });
        done.ok_or_else(|| {
            tracing::error!(purpose, "something could not be sealed");
            AppError::Internal
        })?;
        Ok([&[VERSION][..], &nonce, &sealed].concat())
    }

    /// Bytes that nobody knows who does not know the secret, the same again for the same purpose and context.
    ///
    /// # Errors
    /// [`AppError::Internal`].
    pub fn derive(&self, purpose: &str, context: &[u8]) -> AppResult<[u8; 32]> {
        let secret = Salt::new(HKDF_SHA256, SALT).extract(self.0.current.expose_secret().as_bytes());
        let mut bytes = [0; 32];
        // The keys of seals have no context.
        let about = [purpose.as_bytes(), b"\0", context];
        let done = secret.expand(&about, HKDF_SHA256).and_then(|made| made.fill(&mut bytes));
        done.map(|()| bytes).map_err(|_| AppError::Internal)
    }

    /// Opens what was sealed with this secret, or with the one of before; `None` for all else.
    #[must_use]
    pub fn open(&self, purpose: &str, context: &[u8], sealed: &[u8]) -> Option<Opened> {
        let with = |secret| open_with(secret, purpose, context, sealed);
        match with(&self.0.current) {
            Some(plain) => Some(Opened { plain, is_current: true }),
            None => self.0.old.iter().find_map(with).map(|plain| Opened { plain, is_current: false }),
        }
    }
}

fn open_with(secret: &SecretString, purpose: &str, context: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
    let (nonce, sealed) = sealed.strip_prefix(&[VERSION])?.split_first_chunk::<NONCE_LEN>()?;
    let mut opened = sealed.to_vec();
    let nonce = Nonce::assume_unique_for_key(*nonce);
    let plain = key(secret, purpose)?.open_in_place(nonce, Aad::from(context), &mut opened).ok()?.len();
    opened.truncate(plain);
    Some(opened)
}

/// The key of a purpose (HKDF, RFC 5869).
fn key(secret: &SecretString, purpose: &str) -> Option<LessSafeKey> {
    let secret = Salt::new(HKDF_SHA256, SALT).extract(secret.expose_secret().as_bytes());
    let purpose = [purpose.as_bytes()];
    let key = secret.expand(&purpose, &AES_256_GCM).ok()?;
    Some(LessSafeKey::new(UnboundKey::from(key)))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::os::unix::fs::PermissionsExt;

    use tempfile::TempDir;

    use super::*;

    const ONE: &str = "the first secret of these tests, made up";
    const TWO: &str = "the second secret of these tests, made up";

    fn config(vars: &[(&str, &str)]) -> Result<AppSecretConfig, Vec<String>> {
        let vars: BTreeMap<_, _> = vars.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let mut reader = Reader::new(&vars);
        let config = AppSecretConfig::read(&mut reader);
        reader.finish(config)
    }

    fn secret(vars: &[(&str, &str)]) -> AppSecret {
        config(vars).unwrap().open_with(None, Path::new("/nowhere")).unwrap()
    }

    #[test]
    fn what_is_sealed_is_opened_with_the_same_secret_purpose_and_context_alone() {
        let one = secret(&[("APP_SECRET", ONE)]);
        let sealed = one.seal("keys", b"ada", b"a key").unwrap();
        assert_ne!(sealed, one.seal("keys", b"ada", b"a key").unwrap(), "a nonce of its own");
        assert!(!sealed.windows(5).any(|part| part == b"a key"));
        let opened = one.open("keys", b"ada", &sealed).unwrap();
        assert_eq!((opened.plain.as_slice(), opened.is_current), (&b"a key"[..], true));
        assert_eq!(one.open("links", b"ada", &sealed), None);
        assert_eq!(one.open("keys", b"bob", &sealed), None);
        assert_eq!(secret(&[("APP_SECRET", TWO)]).open("keys", b"ada", &sealed), None);
        for end in 0..sealed.len() {
            assert_eq!(one.open("keys", b"ada", &sealed[..end]), None, "{end}");
        }
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(one.open("keys", b"ada", &changed), None, "{at}");
        }
    }

    #[test]
    fn what_is_derived_is_the_same_for_the_same_alone() {
        let one = secret(&[("APP_SECRET", ONE)]);
        let derived = one.derive("codes", b"ada").unwrap();
        assert_eq!(one.derive("codes", b"ada").unwrap(), derived);
        assert_ne!(one.derive("codes", b"bob").unwrap(), derived);
        assert_ne!(one.derive("keys", b"ada").unwrap(), derived);
        assert_ne!(secret(&[("APP_SECRET", TWO)]).derive("codes", b"ada").unwrap(), derived);
    }

    #[test]
    fn the_secret_of_before_still_opens_and_does_not_seal() {
        let sealed = secret(&[("APP_SECRET", ONE)]).seal("keys", b"", b"a key").unwrap();
        let rotated = secret(&[("APP_SECRET", TWO), ("APP_SECRET_OLD", ONE)]);
        let opened = rotated.open("keys", b"", &sealed).unwrap();
        assert_eq!((opened.plain.as_slice(), opened.is_current), (&b"a key"[..], false));
        let anew = rotated.seal("keys", b"", b"a key").unwrap();
        assert!(secret(&[("APP_SECRET", TWO)]).open("keys", b"", &anew).is_some());
    }

    #[test]
    fn it_is_made_once_and_kept_from_others() {
        let folder = TempDir::new().unwrap();
        let open = || config(&[]).unwrap().open_with(None, folder.path()).unwrap();
        let sealed = open().seal("keys", b"", b"a key").unwrap();
        assert!(open().open("keys", b"", &sealed).is_some());
        let mode = fs::metadata(folder.path().join(FILE)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
        fs::write(folder.path().join(FILE), "short").unwrap();
        let refused = config(&[]).unwrap().open_with(None, folder.path()).err().unwrap();
        assert!(refused.starts_with("APP_SECRET: ") && refused.contains(FILE), "{refused}");
    }

    #[test]
    fn what_is_short_is_refused_and_not_told() {
        for name in ["APP_SECRET", "APP_SECRET_OLD"] {
            let problems = config(&[(name, "hunter2")]).unwrap_err();
            assert!(problems.len() == 1 && problems[0].starts_with(&format!("{name}: ")), "{problems:?}");
            assert!(!problems[0].contains("hunter2"));
        }
        assert!(!format!("{:?}", config(&[("APP_SECRET", ONE)]).unwrap()).contains("made up"));
    }

    #[test]
    fn what_servers_share_seals_until_a_secret_is_set_and_opens_afterwards() {
        let nowhere = Path::new("/nowhere");
        let open = |vars: &[(&str, &str)]| config(vars).unwrap().open_with(Some(ONE.into()), nowhere).unwrap();
        let sealed = open(&[]).seal("keys", b"", b"a key").unwrap();
        assert!(open(&[]).open("keys", b"", &sealed).is_some_and(|opened| opened.is_current));
        assert!(open(&[("APP_SECRET", TWO)]).open("keys", b"", &sealed).is_some_and(|opened| !opened.is_current));
    }
}
