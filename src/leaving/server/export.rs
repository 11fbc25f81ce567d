//! Taking everything along: one archive at a time, written by a job, kept for a day.
//!
//! Its pieces are stored under the try that wrote them, so one that was only slow cannot mix its own into those of the next.

use std::time::Duration;

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::stream;
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::time::sleep;
use utoipa::ToSchema;

use super::queue::{LEASE, read, written};
use super::store::{Leaving as Job, LeavingKind, Piece};
use super::{Leaving, Part};
use crate::account::server::caller::Caller;
use crate::account::server::sessions::Client;
use crate::i18n::{Text, t};
use crate::platform::archive::{Archive, Packing};
use crate::platform::db::{StoreResult, rfc3339};
use crate::platform::error::{AppError, AppResult};
use crate::platform::http::request_id::in_request;
use crate::platform::ids::{RunId, UserId};
use crate::platform::time::{DAY, HOUR};

/// How long an archive is kept, and how soon after one another may be made, in milliseconds.
const KEPT: i64 = DAY;
const ONE_IN: i64 = HOUR;
/// How often what is due is looked for when nobody tells of it.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// Tries, before it has failed: of servers that were killed, too.
const TRIES: u32 = 3;
/// Pieces that wait to be stored.
const WAITING: usize = 2;

/// How far an export is, as it is stored.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Export {
    state: ExportState,
    /// Features that are done.
    done: usize,
    files: u64,
    bytes: u64,
    pieces: u32,
    tries: u32,
    begun_at: i64,
    expires_at: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum ExportState {
    Running,
    Ready,
    Failed,
}

/// How far an export is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ExportView {
    /// `none`, `running`, `ready` or `failed`.
    pub state: String,
    /// Steps that are done, and how many there are.
    pub done: usize,
    pub steps: usize,
    /// What is in it so far.
    pub files: u64,
    pub bytes: u64,
    /// RFC 3339, UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub begun_at: Option<String>,
    /// Until when it can be downloaded.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub expires_at: Option<String>,
    /// When another one can be begun, if not now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub next_at: Option<String>,
}

impl ExportView {
    pub(super) fn of(job: Option<&Job>, now: i64) -> AppResult<Self> {
        let none = Self { state: "none".to_owned(), steps: Part::ALL.len(), ..Self::default() };
        let Some(job) = job else { return Ok(none) };
        let Export { state, done, files, bytes, begun_at, expires_at, .. } = read(&job.body)?;
        let next_at = Some(job.free_at).filter(|at| *at > now && state != ExportState::Running);
        let next_at = next_at.map(rfc3339).transpose()?;
        if state == ExportState::Ready && expires_at <= now {
            return Ok(Self { next_at, ..none });
        }
        let (state, expires_at) = match state {
            ExportState::Running => ("running", None),
            ExportState::Ready => ("ready", Some(rfc3339(expires_at)?)),
            ExportState::Failed => ("failed", None),
        };
        let begun_at = Some(rfc3339(begun_at)?);
        Ok(Self { state: state.to_owned(), done, files, bytes, begun_at, expires_at, next_at, ..none })
    }

    pub(super) fn is(&self, state: &str) -> bool {
        self.state == state
    }
}

impl Leaving {
    /// Has an archive of everything made. One that is being made goes on.
    ///
    /// # Errors
    /// [`AppError::RateLimited`] where there was one within the hour.
    pub async fn begin_export(&self, user: UserId) -> AppResult<ExportView> {
        let now = self.queue.database.now();
        let export = Export {
            state: ExportState::Running,
            done: 0,
            files: 0,
            bytes: 0,
            pieces: 0,
            tries: 0,
            begun_at: now,
            expires_at: now + KEPT,
        };
        let new = Job {
            user,
            kind: LeavingKind::Export,
            run: RunId::now_v7(),
            look_at: Some(now),
            free_at: now + ONE_IN,
            receipt: None,
            body: written(&export)?,
        };
        if self.queue.store.begin(new, now).await? {
            self.queue.exports.notify_one();
        } else {
            let found = self.queue.store.find(user, LeavingKind::Export).await?;
            if let Some(ended) = found.filter(|found| found.look_at.is_none()) {
                let wait = u64::try_from((ended.free_at - now).max(0)).unwrap_or_default().div_ceil(1000).max(1);
                return Err(AppError::RateLimited { retry_after_secs: wait, limit: 1 });
            }
        }
        self.queue.find_export(user).await
    }

    /// How far the export of a user is.
    ///
    /// # Errors
    /// [`AppError::Unavailable`].
    pub async fn find_export(&self, user: UserId) -> AppResult<ExportView> {
        self.queue.find_export(user).await
    }

    /// The archive of the caller, piece by piece as the client reads it.
    ///
    /// # Errors
    /// As [`crate::account::server::Account::confirm_way`]; [`AppError::NotFound`] where there is none.
    pub async fn download(&self, caller: &Caller, client: &Client, password: Option<&str>) -> AppResult<Response> {
        self.account.confirm_way(caller, client, password).await?;
        self.archive_of(caller.id).await
    }

    /// The archive of a user, for whoever may have it.
    ///
    /// # Errors
    /// [`AppError::NotFound`] where there is none.
    pub async fn archive_of(&self, user: UserId) -> AppResult<Response> {
        let now = self.queue.database.now();
        let job = self.queue.store.find(user, LeavingKind::Export).await?.ok_or(AppError::NotFound)?;
        let export: Export = read(&job.body)?;
        if export.state != ExportState::Ready || export.expires_at <= now {
            return Err(AppError::NotFound);
        }
        tracing::info!(%user, bytes = export.bytes, "everything of this user was downloaded");
        let (store, run) = (self.queue.store.clone(), job.run);
        let pieces = stream::try_unfold(0, move |number| {
            let store = store.clone();
            async move {
                if number == export.pieces {
                    return AppResult::Ok(None);
                }
                // Cut off where it fails: a client sees that it is not whole.
                let piece = store.find_piece(run, number).await?.ok_or(AppError::NotFound)?;
                Ok(Some((piece, number + 1)))
            }
        });
        let day = rfc3339(export.begun_at)?.get(..10).unwrap_or_default().to_owned();
        let headers = [
            (CONTENT_TYPE, "application/zip".to_owned()),
            (CONTENT_LENGTH, export.bytes.to_string()),
            (CONTENT_DISPOSITION, format!("attachment; filename=\"tessera-{day}.zip\"")),
            (CACHE_CONTROL, "private, no-store".to_owned()),
        ];
        let mut response = (headers, Body::from_stream(pieces)).into_response();
        let no_robots = (HeaderName::from_static("x-robots-tag"), HeaderValue::from_static("noindex"));
        response.headers_mut().extend([no_robots]);
        Ok(response)
    }

    /// Makes what is due, one after the other, until the server has ended.
    pub async fn run_exports(self) {
        loop {
            match self.export_due(self.queue.database.now()).await {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => tracing::warn!(%error, "exports are made later"),
            }
            tokio::select! {
                () = sleep(LOOK_EVERY) => {}
                () = self.queue.exports.notified() => {}
            }
        }
    }

    /// One try at what has been due the longest at `now`. Whether there was any.
    ///
    /// # Errors
    /// [`AppError::Unavailable`].
    pub async fn export_due(&self, now: i64) -> AppResult<bool> {
        let claimed = self.queue.store.claim(LeavingKind::Export, now, RunId::now_v7(), now + LEASE).await?;
        let Some(job) = claimed else { return Ok(false) };
        let (user, run) = (job.user, job.run);
        // Boxed: it is large, and would be moved around on the stack.
        let work = in_request(format!("export-{run}"), Box::pin(self.try_to_export(job)));
        match self.queue.while_alive(user, LeavingKind::Export, run, work).await {
            Some(tried) => tried.map(|()| true),
            None => Ok(true),
        }
    }

    async fn try_to_export(&self, mut job: Job) -> AppResult<()> {
        let mut export: Export = read(&job.body)?;
        (export.done, export.files, export.bytes, export.pieces) = (0, 0, 0, 0);
        export.tries += 1;
        // Counted before: one that takes a server with it is not tried for ever.
        if !self.keep_progress(&mut job, &export).await? {
            return Ok(());
        }
        // Of a try before, or of an archive before.
        self.queue.store.delete_pieces(job.user, Some(job.run)).await?;
        let made = if export.tries > TRIES { Err(AppError::Internal) } else { self.make(&mut job, &mut export).await };
        let now = self.queue.database.now();
        match made {
            Ok(()) => {
                export.state = ExportState::Ready;
                job.look_at = None;
                tracing::info!(user = %job.user, files = export.files, bytes = export.bytes, "an export is ready");
            }
            Err(error) if export.tries < TRIES => {
                tracing::error!(user = %job.user, %error, "an export is tried again");
                job.look_at = Some(now + LEASE);
            }
            Err(error) => {
                tracing::error!(user = %job.user, %error, "an export has failed");
                export.state = ExportState::Failed;
                (job.look_at, job.free_at) = (None, now);
            }
        }
        job.body = written(&export)?;
        let user = job.user;
        let is_kept = self.queue.store.save(job).await?;
        if is_kept && export.state == ExportState::Failed {
            self.queue.store.delete_pieces(user, None).await?;
        }
        Ok(())
    }

    /// Writes the archive, and stores it as it comes.
    async fn make(&self, job: &mut Job, export: &mut Export) -> AppResult<()> {
        let (pieces, written) = mpsc::channel(WAITING);
        let (user, run, expires_at) = (job.user, job.run, export.expires_at);
        let storing = self.store_pieces(user, run, expires_at, written);
        let writing = self.write(job, export, pieces);
        // Who stores ends when nothing more is written, and who writes fails when nothing more is stored.
        let (stored, files) = tokio::join!(storing, writing);
        let (count, bytes) = stored?;
        export.files = files?;
        (export.pieces, export.bytes) = (count, bytes);
        Ok(())
    }

    async fn store_pieces(
        &self,
        user: UserId,
        run: RunId,
        expires_at: i64,
        mut written: mpsc::Receiver<Bytes>,
    ) -> StoreResult<(u32, u64)> {
        let (mut number, mut sum) = (0, 0);
        while let Some(bytes) = written.recv().await {
            sum += bytes.len() as u64;
            self.queue.store.put_piece(Piece { user, run, number, expires_at, bytes }).await?;
            number += 1;
        }
        Ok((number, sum))
    }

    /// Writes the archive of a user for somebody who waits for it. Returns how many files it has.
    ///
    /// # Errors
    /// [`AppError::Unavailable`].
    pub async fn export_to(&self, user: UserId, pieces: mpsc::Sender<Bytes>) -> AppResult<u64> {
        let mut archive = Archive::new(pieces);
        archive.add("README.txt", Packing::Text, README).await?;
        for part in Part::ALL {
            self.features.export(part, user, &mut archive).await?;
        }
        let files = archive.files();
        archive.finish().await?;
        Ok(files)
    }

    async fn write(&self, job: &mut Job, export: &mut Export, pieces: mpsc::Sender<Bytes>) -> AppResult<u64> {
        let mut archive = Archive::new(pieces);
        archive.add("README.txt", Packing::Text, README).await?;
        for (done, part) in Part::ALL.into_iter().enumerate() {
            self.features.export(part, job.user, &mut archive).await?;
            (export.done, export.files) = (done + 1, archive.files());
            if !self.keep_progress(job, export).await? {
                return Err(AppError::Unavailable);
            }
        }
        let files = archive.files();
        archive.finish().await?;
        Ok(files)
    }

    /// Stores how far it is; `false` where another try goes on with it, or its user is gone.
    async fn keep_progress(&self, job: &mut Job, export: &Export) -> AppResult<bool> {
        job.look_at = Some(self.queue.database.now() + LEASE);
        job.body = written(export)?;
        Ok(self.queue.store.save(job.clone()).await?)
    }
}

/// What is in an archive.
const README: &str = include_str!("readme.txt");

/// What to say to a page whose form was refused.
pub(super) fn refusal(error: &AppError) -> Option<&'static str> {
    match error {
        AppError::InvalidInput { field, message } if field == "currentPassword" => {
            Some(if message == t(Text::ConfirmWithPassword) { "sign-in-again" } else { "wrong-password" })
        }
        AppError::Conflict(message) if message == t(Text::SignInAgainFirst) => Some("sign-in-again"),
        AppError::RateLimited { limit: 1, .. } => Some("export-later"),
        AppError::RateLimited { .. } => Some("too-often"),
        AppError::NotFound => Some("no-export"),
        _ => None,
    }
}
