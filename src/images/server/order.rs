//! Ordering an image: the request is checked, the order of providers chosen, the price held.
//!
//! Generating it is `generate/`.

use std::sync::Arc;

use super::Images;
use super::generate::{self, ImageJob, MadePicture};
use super::providers::{GuardedImageProvider, ImageProvider};
use super::store::NewImage;
use crate::account::server::caller::Caller;
use crate::credits::server::prices::ImagePrice;
use crate::credits::server::store::{Idempotency, WorkKind};
use crate::flags::Who;
use crate::generation::{Begun, Delivery, Payer, Quote, ReleaseReason, Route, choose_order, outlive_handler};
use crate::i18n::{Text, fill, t};
use crate::images::{AspectRatio, ImageRequest, MOST_RUNNING};
use crate::platform::amount::Amount;
use crate::platform::error::{AppError, AppResult};
use crate::platform::ids::{ConversationId, ImageId, MessageId, RunId};
use crate::platform::limits::Quota;

/// An image that was ordered.
#[derive(Debug, Clone)]
pub struct AcceptedImage {
    /// Also the id of its job.
    pub id: ImageId,
    /// It is this request that the job works for, not one before it.
    pub is_new: bool,
    /// What the user may still ask.
    pub quota: Quota,
}

/// What is to be made, checked.
pub struct ImageSpec {
    pub prompt: String,
    pub aspect_ratio: AspectRatio,
    pub seed: u32,
    /// The providers to ask, one after the other; never empty.
    order: Vec<Arc<GuardedImageProvider>>,
    /// Why it is not made, unless it was ordered before.
    refused: Option<AppError>,
    /// The conversation and the reply that show it, if it is made in a conversation.
    pub shown_in: Option<(ConversationId, MessageId)>,
    /// It is for one connection, and paid for once that has taken it.
    pub delivery: Option<Delivery<MadePicture>>,
}

impl ImageSpec {
    /// What it costs.
    #[must_use]
    pub fn price(&self, images: &Images) -> Amount {
        self.order.first().map_or(Amount::ZERO, |first| images.quote(first, self.aspect_ratio).ceiling)
    }

    /// Checks what a request of somebody asks for.
    ///
    /// # Errors
    /// [`AppError::InvalidInput`] naming the field.
    pub fn read(images: &Images, request: ImageRequest, who: impl Into<Who>) -> AppResult<Self> {
        let aspect_ratio = match request.aspect_ratio.as_deref() {
            None => AspectRatio::default(),
            Some(name) => AspectRatio::parse(name).ok_or_else(|| {
                let known = AspectRatio::ALL.map(AspectRatio::as_str).join(", ");
                AppError::invalid("aspectRatio", format!("{name:?} is not one of {known}."))
            })?,
        };
        let picked = request.provider.as_deref();
        let all = choose_order(&images.providers, picked)?;
        let (order, refused) = match images.generation.keep_open(WorkKind::Image, &all, picked, "provider", who) {
            Ok(order) => (order, None),
            Err(error) => (all, Some(error)),
        };
        Ok(Self {
            prompt: check_prompt(images, &request.prompt)?,
            aspect_ratio,
            seed: request.seed.unwrap_or_else(rand::random),
            order,
            refused,
            shown_in: None,
            delivery: None,
        })
    }
}

impl Images {
    /// Orders an image: holds its price, stores that it is being made, and starts the job. The same idempotency key with
    /// the same request returns the same image.
    ///
    /// # Errors
    /// [`AppError::RateLimited`], [`AppError::InsufficientCredits`], [`AppError::IdempotencyMismatch`],
    /// [`AppError::Conflict`] when too many are being made, [`AppError::InvalidInput`] naming `images` when there is no room
    /// for one more, [`AppError::Unavailable`], [`AppError::SwitchedOff`], [`AppError::Paused`].
    pub async fn generate_image(
        &self,
        caller: &Caller,
        spec: ImageSpec,
        idempotency: Option<Idempotency>,
    ) -> AppResult<AcceptedImage> {
        let quota = self.generation.admit(caller).await?;
        let (images, payer) = (self.clone(), Payer::new(caller, idempotency));
        let same = payer.clone();
        let begun = async move {
            Ok(match images.reserve(&payer, spec).await? {
                Reservation::New(image) => {
                    let id = image.id();
                    image.start();
                    (id, true)
                }
                Reservation::Repeated(id) => (id, false),
            })
        };
        let (id, is_new) = outlive_handler(begun).await?;
        if !is_new {
            self.generation.await_begin(&same, id, || self.store.find(caller.id, id)).await?;
        }
        Ok(AcceptedImage { id, is_new, quota })
    }

    /// What an image of this provider costs, whoever makes it in the end: that is what was shown.
    #[must_use]
    pub fn quote(&self, provider: &GuardedImageProvider, aspect_ratio: AspectRatio) -> Quote {
        let model = provider.model();
        let (price, version) = self.prices.image(provider.name(), &model, aspect_ratio.as_str());
        Quote::flat(price, version, model)
    }

    /// What images of all models and sizes cost.
    #[must_use]
    pub fn list_prices(&self) -> Vec<Amount> {
        let price_of =
            |provider: &Arc<GuardedImageProvider>| self.prices.image_price(provider.name(), &provider.model());
        let shapes = |price: ImagePrice| AspectRatio::ALL.map(|shape| price.of(shape.as_str()));
        self.providers.iter().map(price_of).flat_map(shapes).collect()
    }

    /// Holds the price of an image and stores that it is being made. Who reserves one starts or cancels it, where no
    /// handler can be dropped in between ([`outlive_handler`]).
    ///
    /// # Errors
    /// As [`Images::generate_image`].
    pub async fn reserve(&self, payer: &Payer, spec: ImageSpec) -> AppResult<Reservation> {
        let ImageSpec { prompt, aspect_ratio, seed, order, refused, shown_in, delivery } = spec;
        let may = match refused {
            Some(refused) => Err(refused),
            None => self.room.check(payer.user, 1).await,
        };
        if let Err(error) = may {
            let repeated = self.generation.find_repeated(payer).await?;
            return repeated.map(|id| Reservation::Repeated(id.into())).ok_or(error);
        }
        let quote = self.quote(order.first().ok_or(AppError::Unavailable)?, aspect_ratio);
        // Dropped with all that it claims, should there be nothing to make.
        let route = self.generation.plan(WorkKind::Image, order)?;
        let hold = match self.generation.begin(payer, WorkKind::Image, ImageId::now_v7(), quote).await? {
            Begun::New(hold) => hold,
            Begun::Repeated(id) => return Ok(Reservation::Repeated(id.into())),
        };
        let new = NewImage {
            id: hold.id().into(),
            user: hold.user(),
            shown_in,
            prompt: prompt.clone(),
            aspect_ratio,
            seed,
            provider: route.provider().name().to_owned(),
            model: route.provider().model(),
            is_ai: route.provider().is_ai(),
            run: RunId::now_v7(),
        };
        let work = ImageJob { run: new.run, hold, shown_in, delivery, prompt, aspect_ratio, seed, resumes: None };
        let reserved = ReservedImage { images: self.clone(), work, route };
        let error = match self.store.begin(new).await {
            Ok(true) => return Ok(Reservation::New(Box::new(reserved))),
            Ok(false) => AppError::Conflict(fill(Text::TooManyInTheMaking, &[("most", &MOST_RUNNING.to_string())])),
            Err(error) => error.into(),
        };
        reserved.cancel().await;
        Err(error)
    }
}

/// What came of the wish to make an image.
pub enum Reservation {
    New(Box<ReservedImage>),
    /// The same request came before; the image has this id.
    Repeated(ImageId),
}

/// An image that is paid for and stored, and not begun.
pub struct ReservedImage {
    images: Images,
    work: ImageJob,
    route: Route<dyn ImageProvider>,
}

impl ReservedImage {
    #[must_use]
    pub fn id(&self) -> ImageId {
        self.work.id()
    }

    /// What was held for it.
    #[must_use]
    pub const fn price(&self) -> Amount {
        self.work.hold.ceiling()
    }

    /// Who is asked first.
    #[must_use]
    pub const fn provider(&self) -> &Arc<GuardedImageProvider> {
        self.route.provider()
    }

    /// Starts the job.
    pub fn start(self) {
        generate::start(&self.images, self.work, self.route);
    }

    /// Takes back what may have been stored of it, and gives its price back. Where a store failed, what it did is not
    /// known; then the sweeper ends the hold as well.
    pub async fn cancel(self) {
        match self.images.store.delete(self.work.hold.user(), vec![self.id()]).await {
            Ok(_) => self.work.hold.cancel(ReleaseReason::NeverStarted).await,
            Err(error) => tracing::error!(%error, "a hold is left to the sweeper"),
        }
    }
}

/// A prompt without the white space around it.
///
/// # Errors
/// [`AppError::InvalidInput`] naming `prompt`.
pub fn check_prompt(images: &Images, prompt: &str) -> AppResult<String> {
    let most = images.max_prompt_chars;
    let prompt = prompt.trim();
    if prompt.is_empty() {
        return Err(AppError::invalid("prompt", t(Text::SayWhatToPaint)));
    }
    if prompt.chars().count() > most {
        return Err(AppError::invalid("prompt", fill(Text::PromptTooLong, &[("most", &most.to_string())])));
    }
    Ok(prompt.to_owned())
}
