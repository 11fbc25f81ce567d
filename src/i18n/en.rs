//! English.

use super::Text;

/// What a text says.
#[expect(clippy::too_many_lines, clippy::match_same_arms, reason = "a table of texts")]
pub const fn say(text: Text) -> &'static str {
    match text {
        // Everywhere
        Text::PluralRule => "one, other",
        Text::Close => "Close",
        Text::Cancel => "Cancel",
        Text::Save => "Save",
        Text::Copy => "Copy",
        Text::Copied => "Copied",
        Text::Clear => "Clear",
        Text::Loading => "Loading",
        Text::OneMoment => "One moment…",
        Text::SkipToContent => "Skip to content",
        Text::CreditsCount => "{count} credit|{count} credits",
        Text::CreditsUnit => "credit|credits",
        Text::NoCreditsLeft => "You have no credits left. Your text is kept.",
        Text::FewCreditsLeft => "You have {count} credit left.|You have {count} credits left.",
        Text::GetMoreCredits => "Get more credits",
        Text::BackToYourText => "Back to your text",
        Text::Free => "free",
        Text::NothingWasCharged => "Nothing was charged.",
        Text::SignIn => "Sign in",
        Text::SignUp => "Sign up",
        Text::SystemTheme => "System theme",
        Text::LightTheme => "Light theme",
        Text::DarkTheme => "Dark theme",
        Text::Language => "Language",
        Text::Moment => "{day} {month} {year}, {time}",
        Text::Months => "Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec",

        // Errors
        Text::InvalidEmail => "Enter a valid email address.",
        Text::EnterPassword => "Enter your password.",
        Text::EmailLooksLikeAnother => {
            "This address mixes letters from different alphabets and could be mistaken for another one. Use letters from one alphabet."
        }
        Text::PasswordGuessable => {
            "This password is too easy to guess. Use a longer one, such as a few unrelated words."
        }
        Text::PasswordTooShort => "Use at least {least} characters.",
        Text::PasswordTooLong => "Use at most {most} characters.",
        Text::NameTooLong => "Names can have up to {most} characters.",
        Text::SignInByClerk => "You sign in with Clerk. Your address, password and sessions are there.",
        Text::ManageAtClerk => "Open Clerk",
        Text::AddressOfAnother => {
            "This address belongs to another account here. Verify it where you sign in, and come back."
        }
        Text::EmailTaken => "An account with this email address already exists. Sign in instead?",
        Text::InvalidKeyName => "Enter a key name of 1 to {most} characters.",
        Text::InvalidKeyRate => "Requests per minute must be a number from 1 to {most}.",
        Text::InvalidKeyBudget => "The budget must be a number of credits from 1 to {most}.",
        Text::InvalidKeyDays => "A key can be valid for 1 to {most} days.",
        Text::NoScopes => "Choose at least one permission.",
        Text::MissingScope => "This API key doesn’t have permission to do that. It needs the scope {scopes}.",
        Text::TooManyKeys => "You’ve reached the limit of {most} keys. Revoke one first.",
        Text::NumberOfCreditsOrNothing => "Enter a number with at most six decimals, or leave it empty.",
        Text::WholeNumberOrNothing => "Enter a whole number, or leave this empty.",
        Text::WriteAMessageFirst => "Write a message first.",
        Text::MessageTooLong => "Messages can have up to {most} characters.",
        Text::MaximumTooLow => "A reply to this needs at least {least} credits.",
        Text::MessageTooLongForModel => "This is about {tokens} tokens; the model takes up to {most} in one message.",
        Text::InvalidTitle => "Enter a title of 1 to {most} characters.",
        Text::TooManyPinned => "You can pin up to {most} conversations. Unpin one first.",
        Text::BranchTooEarly => "This answer is still being written. You can branch from it once it is finished.",
        Text::SystemPromptTooLong => "System prompts can have up to {most} characters.",
        Text::PleaseSignIn => "Please sign in.",
        Text::WrongCredentials => "Incorrect email or password.",
        Text::SecondFactorRequired => "Enter the code of your authenticator app next.",
        Text::NotEnoughCredits => "Not enough credits: this costs {needed} and you have {available}.",
        Text::OverOwnBudget => "This costs {needed}, but only {available} is left in your budget.",
        Text::OriginPromo => "Free",
        Text::OriginGift => "Gift",
        Text::OriginGoodwill => "Goodwill",
        Text::OriginPlan => "Plan",
        Text::OriginBought => "Purchased",
        Text::EntryExtend => "On hold",
        Text::EntryExpire => "Expired",
        Text::OverBudget => "This costs {needed}, but this API key has only {available} left in its budget.",
        Text::Forbidden => "You don’t have permission to do that.",
        Text::NothingHere => "Not found.",
        Text::TooLarge => "The request is too large.",
        Text::TooManyRequests => "Too many requests. Try again in {seconds} s.",
        Text::TooManyRequestsForLong => "Too many requests. Try again in {minutes} min.",
        Text::TooManyStops => {
            "Too many of your requests were stopped or ended without an answer. Try again in {minutes} min."
        }
        Text::IdempotencyMismatch => "This Idempotency-Key was already used for a different request.",
        Text::MethodNotAllowed => "This address doesn’t support that method.",
        Text::UnsupportedMedia => "Send the request body as {kind}.",
        Text::UnknownHost => {
            "This server isn’t set up for the host name you used. Its operator can add it to ALLOWED_HOSTS."
        }
        Text::RequestUnreadable => "The request could not be read.",
        Text::FormUnreadable => "The form could not be read.",
        Text::ProviderFailed => "The model couldn’t answer. Nothing was charged.",
        Text::ProviderRefused => "The model didn’t accept this request: {reason}. Nothing was charged.",
        Text::ContextTooLong => {
            "This conversation is too long for the model. Start a new one or shorten your message. Nothing was charged."
        }
        Text::NothingLeft => "The answer is empty because of {field}. Nothing was charged.",
        Text::ProviderTimeout => "The model took too long. Nothing was charged.",
        Text::ProviderRateLimited => {
            "The model is receiving too many requests. Try again in a moment. Nothing was charged."
        }
        Text::Unavailable => "Tessera is temporarily unavailable. Try again in a moment.",
        Text::ContentBlocked => "The provider declined this request. Try rephrasing it. Nothing was charged.",
        Text::WasStopped => "Stopped. Nothing was charged.",
        Text::SayWhatToPaint => "Describe the image you want.",
        Text::PromptTooLong => "Prompts can have up to {most} characters.",
        Text::TooManyInTheMaking => "{most} images are already in progress. Wait for one to finish.",
        Text::InternalError => "Something went wrong on our side.",

        // What surrounds every page of the app
        Text::NewChat => "New chat",
        Text::Chat => "Chat",
        Text::Credits => "Credits",
        Text::Account => "Account",
        Text::Conversations => "Conversations",
        Text::SwitchSidebar => "Show or hide conversations",
        Text::BalanceAndActivity => "Balance and activity",
        Text::CreditsAndActivity => "Credits and activity",
        Text::BuyCredits => "Buy credits",
        Text::YourPurchase => "Your purchase",
        Text::PurchaseCancelled => "Purchase cancelled",
        Text::GiveCreditsBack => "Refund unused credits",
        Text::AccountAndKeys => "Account and API keys",
        Text::KeyboardShortcuts => "Keyboard shortcuts",
        Text::SignOut => "Sign out",
        Text::Search => "Search",
        Text::SearchConversations => "Search conversations",
        Text::Searching => "Searching…",
        Text::SearchResults => "Search results",
        Text::NothingContains => "No results for “{text}”.",
        Text::ConversationsFound => "{count} conversation|{count} conversations",
        Text::NewestConversationsFound => "Newest {count} conversation|Newest {count} conversations",
        Text::NoConversations => "Your conversations will appear here.",
        Text::Pinned => "Pinned",
        Text::Today => "Today",
        Text::Yesterday => "Yesterday",
        Text::ThisWeek => "Last 7 days",
        Text::Older => "Older",
        Text::OptionsHere => "Conversation options",
        Text::OlderConversations => "Older conversations",
        Text::NewestConversations => "Newest conversations",
        Text::OptionsFor => "Options for {title}",
        Text::Conversation => "Conversation",
        Text::Pin => "Pin",
        Text::Unpin => "Unpin",
        Text::Rename => "Rename",
        Text::RenameConversation => "Rename conversation",
        Text::Title => "Title",
        Text::SystemPromptItem => "System prompt…",
        Text::ShareItem => "Share…",
        Text::ExportMarkdown => "Export as Markdown",
        Text::ExportJson => "Export as JSON",
        Text::Delete => "Delete",
        Text::DeleteConversation => "Delete conversation?",
        Text::DeleteExplained => {
            "This permanently deletes the conversation and all its messages. Spent credits are not refunded."
        }
        Text::DidNotWork => "Something went wrong",
        Text::SystemPrompt => "System prompt",
        Text::SystemPromptLabel => "Instructions for the model",
        Text::SystemPromptHint => "Sent before every message in this conversation from now on. Leave empty for none.",
        Text::SystemPromptPlaceholder => "Instructions for the model in this conversation",
        Text::ShareConversation => "Share conversation",
        Text::SharedExplained => {
            "Anyone with the link can view this conversation, including new messages. A new link disables the old one."
        }
        Text::ShareExplained => {
            "Anyone with the link can view this conversation, including new messages. Your name and the system prompt aren’t shown, and you can revoke the link at any time."
        }
        Text::Link => "Link",
        Text::RevokeLink => "Revoke link",
        Text::NewLink => "New link",
        Text::CreateLink => "Create link",
        Text::NoAnswerYet => "Tessera can’t be reached right now. This page stays as it is, and we’ll keep trying.",
        Text::Offline => "You’re offline. Your text is kept, and you can send it once you’re back online.",

        // The command palette
        Text::CommandPalette => "Command palette",
        Text::SearchOrGo => "Search and commands (Ctrl+K)",
        Text::SearchCommands => "Search pages, conversations and actions",
        Text::NothingFound => "Nothing found",
        Text::Pages => "Pages",
        Text::Actions => "Actions",
        Text::Home => "Home",
        Text::HttpApi => "HTTP API",
        Text::UiComponents => "UI components",
        Text::PaletteHint => "↑ ↓ to choose, Enter to open, Esc to close",

        // Keys
        Text::WriteAMessage => "Write a message",
        Text::StopTheAnswer => "Stop the answer",
        Text::CopyLastAnswer => "Copy the last answer",
        Text::ShowShortcuts => "Show these shortcuts",
        Text::SendTheMessage => "Send the message",
        Text::NewLine => "New line",
        Text::CtrlOrCommand => "Ctrl or ⌘",
        Text::Shift => "Shift",

        // Chat
        Text::WhatToKnow => "What would you like to know?",
        Text::Suggestions => "Suggestions",
        Text::SuggestionTides => "Explain how tides work to a ten-year-old.",
        Text::SuggestionPython => "Write a Python function that finds duplicate files.",
        Text::SuggestionTable => "Compare tea and coffee in a small table.",
        Text::SuggestionInvoice => "Help me word a friendly reminder about an unpaid invoice.",
        Text::ConversationMissing => "This conversation can’t be shown.",
        Text::ConversationMissingWhy => "It may have been deleted, or the connection failed.",
        Text::Message => "Message",
        Text::AskAnything => "Ask anything",
        Text::Send => "Send",
        Text::Stop => "Stop",
        Text::CreditsLeft => "{price} · {available} left",
        Text::CharactersOf => "{count} of {most} characters",
        Text::AddImages => "Add images",
        Text::Images => "Attached images",
        Text::ImageNumber => "Image {number}",
        Text::RemoveImage => "Remove image {number}",
        Text::ImageUnreadable => "This image couldn’t be read.",
        Text::ImageTooLarge => "Images can be up to 4 MB.",
        Text::OnlyTheseImages => "Use PNG, JPEG, WebP or GIF images.",
        Text::TooManyImages => "You can attach up to 4 images.",
        Text::Model => "Model",
        Text::ModelColon => "Model: ",
        Text::Automatic => "Automatic",
        Text::AutomaticExplained => "{price} · {order}. If one fails, the next one answers.",
        Text::ThenNext => ", then ",
        Text::Ready => "Ready",
        Text::TakesTokens => "{count}-token context",
        Text::SeesImages => "sees images",
        Text::Thinks => "thinks",
        Text::CallsTools => "calls tools",
        Text::FindModel => "Find a model",
        Text::HowMuchItThinks => "Thinking effort",
        Text::ThinksAsUsual => "Default",
        Text::ThinksLittle => "Low",
        Text::ThinksSome => "Medium",
        Text::ThinksMuch => "High",
        Text::ModelIsGone => "{name} is no longer offered. Another model answers here now.",
        Text::ProviderResting => "{name} failed several times in a row. Trying again in {seconds} s.",
        Text::ProviderRefusing => "{name} refused the last {count} requests.",
        Text::NoRoomForImages => {
            "Your images use {used} of {quota} MiB, so there is no room for more. Delete images, or conversations with images, to free up space."
        }
        Text::StoredImages => "Image storage",
        Text::StoredImagesOf => "{used} of {quota} MiB",
        Text::NoModelFile => {
            "The file for the model {name} is missing. Set LOCAL_MODEL (or `file` in providers.toml) to a GGUF file (`make build` downloads one), or take local out of CHAT_PROVIDERS."
        }
        Text::ModelFileUnusable => "The model file can’t be used. See the log for details.",
        Text::You => "You",
        Text::Answer => "Answer",
        Text::Question => "Question",
        Text::Thinking => "Thinking…",
        Text::ThoughtFor => "Thought for {seconds} s",
        Text::BeingWritten => "The answer is being written. Reload the page to see it.",
        Text::TryAgain => "Try again",
        Text::TryAgainWith => "Ask another model",
        Text::VersionOf => "Version {number} of {count}",
        Text::PreviousVersion => "Previous version",
        Text::NextVersion => "Next version",
        Text::BranchFromHere => "Branch from here",
        Text::Edit => "Edit",
        Text::EditedText => "Edited text",
        Text::ReplacesWhatFollows => "{price} · later messages stay in the other version",
        Text::OlderMessages => "Older messages",
        Text::NewestMessages => "Newest messages",
        Text::OlderMessagesLoaded => "Older messages loaded.",
        Text::JumpToLatest => "Jump to latest",
        Text::CopyCode => "Copy code",
        Text::CachedFree => "cached, free",
        Text::TokensInOut => "{input} tokens in, {output} out",
        Text::TokensUnknown => "tokens unknown",
        Text::CutAtLimit => "cut off at the length limit",
        Text::CutByCredits => "Stopped here: your credits are used up.",
        Text::CutByBudget => "Stopped here: your budget is used up.",
        Text::CutAtMaximum => "Stopped here: continuing would have cost more than the maximum that was shown.",
        Text::AnsweredBecauseFailed => "Answered by {to} because {from} failed.",
        Text::StoppedBeforeItBegan => "Stopped before it started. Nothing was charged.",
        Text::YouStopped => "You stopped this answer.",
        Text::ModelBrokeOff => "The model stopped unexpectedly. Nothing was charged, and the text is kept.",
        Text::Unreachable => {
            "Tessera can’t be reached. Send again once you’re back online. You won’t be charged twice."
        }
        Text::AnsweredWithStatus => "The server responded with status {status}.",
        Text::CouldNotBeStopped => "The answer couldn’t be stopped. It will continue and be charged as usual.",
        Text::ALotAtOnce => "You’re sending messages too quickly. Nothing was charged.",
        Text::YouCanSendAgain => "You can send again.",
        Text::YouCanSendIn => "You can send again in {count} second.|You can send again in {count} seconds.",
        Text::ModelThinks => "The model is thinking…",
        Text::OldestLeftOut => "This conversation is too long for the model: its oldest part was left out.",
        Text::Reconnecting => "Connection lost. The answer continues; reconnecting…",
        Text::CannotBeFollowed => "Live updates stopped. Reload the page to see the answer and its cost.",
        Text::AnswerStarted => "Answer started",
        Text::AnswerFinished => "Answer finished",
        Text::AnswerStopped => "Answer stopped",
        Text::AnswerBrokeOff => "Answer cut short",
        Text::AnswerFailed => "Answer failed",
        Text::NextIsAsked => "{from} failed; asking {to}",
        Text::NextMessages => "Next messages",
        Text::FromTheBeginning => "From the beginning",
        Text::SharedConversation => "Shared conversation",
        Text::NotWhole => "This answer is incomplete.",

        // Credits
        Text::Available => "Available",
        Text::AvailableExplained => "Ready to use.",
        Text::OnHold => "On hold",
        Text::OnHoldExplained => "Reserved for work in progress.",
        Text::Owed => "Owed",
        Text::OwedExplained => "Refunded after they were spent. Your next purchase covers this.",
        Text::Activity => "Activity",
        Text::DownloadCsv => "Download CSV",
        Text::NothingHappened => "No activity yet",
        Text::NothingHappenedExplained => "Credits you receive, hold and spend will be listed here.",
        Text::AskSomething => "Start a chat",
        Text::PagesOfTheLedger => "Activity pages",
        Text::Newest => "Newest",
        Text::OlderEntries => "Older",
        Text::What => "Description",
        Text::Time => "Time",
        Text::Request => "Request",
        Text::EntryGrant => "Free credits",
        Text::EntryHold => "On hold",
        Text::EntrySettle => "Answer",
        Text::EntryImage => "Image",
        Text::EntryRelease => "Released",
        Text::EntryPurchase => "Purchase",
        Text::EntryRefund => "Refund",
        Text::EntryAdjust => "Adjustment",
        Text::AmountHeld => "{amount} held",
        Text::AmountHeldAndFreed => "{amount} held, then released",
        Text::ReasonWelcome => "Welcome credits",
        Text::ReasonStopped => "Stopped",
        Text::ReasonFailed => "Failed",
        Text::ReasonIncomplete => "Cut short",
        Text::ReasonInterrupted => "Server interrupted",
        Text::ReasonNeverStarted => "Couldn’t start",
        Text::ReasonDeleted => "Deleted",
        Text::ReasonUndelivered => "Not delivered",
        Text::ReasonRefunded => "The payment was refunded",
        Text::ReasonDisputed => "Frozen while the payment is disputed",
        Text::ReasonDisputeOver => "The dispute is over",
        Text::ReasonRefundFailed => "The refund failed",
        Text::ReasonGivenBack => "Refunded at your request",

        // Account
        Text::Name => "Name",
        Text::Email => "Email",
        Text::ApiKeys => "API keys",
        Text::ApiKeysExplained => {
            "Programs can spend your credits with an API key. Any OpenAI client works with this base URL:"
        }
        Text::TheHttpApi => "HTTP API reference",
        Text::NewKey => "New key",
        Text::KeyNameHint => "What it’s for, such as “My script”.",
        Text::RequestsAMinute => "Requests per minute (optional)",
        Text::WithinYourLimit => "Up to your own limit.",
        Text::BudgetInCredits => "Budget in credits (optional)",
        Text::BudgetHint => "The most it can spend in total.",
        Text::WhatItMay => "Permissions",
        Text::ScopeSpend => "Spend",
        Text::ScopeSpendHint => "Ask models, create images, and see the results.",
        Text::ScopeRead => "Read",
        Text::ScopeReadHint => "Your conversations, images and credits.",
        Text::ScopeManage => "Manage",
        Text::ScopeManageHint => "Change, share and delete them.",
        Text::KeyLives => "Valid for",
        Text::UntilRevoked => "Until revoked",
        Text::DaysCount => "{count} days",
        Text::ExpiresAt => "Expires",
        Text::ExpiredAt => "Expired",
        Text::MakeAKey => "Create key",
        Text::ConversationSum => "This conversation has cost {sum} so far",
        Text::PriceByLength => "Priced by length",
        Text::AboutAtMost => "about {about}, at most {most} credits",
        Text::ContextFull => " · context {percent}% full",
        Text::ContextSystem => "System prompt",
        Text::ContextHistory => "Earlier messages",
        Text::ContextMessage => "This message",
        Text::ContextImages => "Images",
        Text::ContextReply => "Room for the answer",
        Text::ContextWindow => "Total tokens",
        Text::ContextLeftOut => "Messages left out",
        Text::SoFar => "{credits} so far",
        Text::ChargedOfMost => "Charged {charged} of at most {most} credits",
        Text::TokensCached => "{count} of them cached",
        Text::TokensWritten => "{count} of them written to the provider's cache",
        Text::TokensThought => "{count} of them thinking",
        Text::TokensEstimated => "token counts estimated",
        Text::PaidFrom => "{lot}: {amount}",
        Text::PriceVersion => "price {version}",
        Text::NeverExpires => "Never expires",
        Text::ReceivedAt => "Received",
        Text::RedeemCode => "Redeem a code",
        Text::Code => "Code",
        Text::Redeem => "Redeem",
        Text::CodeUnknown => "This code is not valid. Check it for typos.",
        Text::CodeExpired => "This code has expired.",
        Text::CodeUsedUp => "This code has been used up.",
        Text::CodeRepeated => "You have already redeemed this code.",
        Text::CodeRedeemed => "{credits} added. They don’t expire.",
        Text::CodeRedeemedUntil => "{credits} added. They can be used until {day}.",
        Text::CodeUsableUntil => " Others can redeem the code until {day}.",
        Text::YourCredits => "Where your credits come from",
        Text::YourCreditsExplained => "Credits are used from the top down.",
        Text::LimitInCredits => "Limit in credits",
        Text::Budgets => "Budgets",
        Text::BudgetsExplained => {
            "Cap what you spend in a day, week or month. Messages and images that would go over a budget are refused, and nothing is charged."
        }
        Text::NoBudgets => "No budgets yet.",
        Text::PerDay => "Daily",
        Text::PerWeek => "Weekly",
        Text::PerMonth => "Monthly",
        Text::DayBudgetUsed => "You have used at least {percent}% of your budget for today.",
        Text::WeekBudgetUsed => "You have used at least {percent}% of your budget for this week.",
        Text::MonthBudgetUsed => "You have used at least {percent}% of your budget for this month.",
        Text::BudgetUsed => "{percent}% used",
        Text::BudgetUsedUp => "Used up",
        Text::OfKey => "Key:",
        Text::OfModel => "Model:",
        Text::RevokedKey => "revoked key",
        Text::ResetsAt => "Resets",
        Text::RemoveBudget => "Remove",
        Text::BudgetPeriod => "Period",
        Text::BudgetFor => "Applies to",
        Text::AllSpending => "All spending",
        Text::BudgetModel => "Model (optional)",
        Text::BudgetModelHint => "Leave empty for all models. End with * to match several, as in gpt-5*.",
        Text::TimeZone => "Time zone",
        Text::TimeZoneHint => "Decides when your day begins, such as Europe/Zurich. It applies to all budgets.",
        Text::TimeZoneWrong => "Enter a time zone such as Europe/Zurich.",
        Text::SetBudget => "Set budget",
        Text::TooManyBudgets => "You can have up to {most} budgets.",
        Text::BudgetLimitWrong => "Enter a number of credits above 0, with at most six decimals.",
        Text::BudgetModelWrong => "A model name has at most 120 characters.",
        Text::BudgetTwice => "There are two budgets for the same period, key and model.",
        Text::NoSuchKey => "This API key does not exist.",
        Text::NoKeys => "No API keys yet.",
        Text::SpentOf => "{spent} of {budget} credits",
        Text::PerMinute => "{count} per minute",
        Text::UsedAt => "Last used",
        Text::NeverUsed => "Never used",
        Text::MadeAt => "Created",
        Text::RevokeItem => "Revoke…",
        Text::RevokeThisKey => "Revoke key",
        Text::NewKeyExplained => "This is your new key. Copy it now: it won’t be shown again.",

        // Images
        Text::ImagesTitle => "Images",
        Text::ImageTitle => "Image",
        Text::OpenImage => "Open image page",
        Text::ReceiptImage => "image",
        Text::ImagePrompt => "Describe your image",
        Text::ImagePromptPlaceholder => "A lighthouse in a storm, waves against the rocks",
        Text::Shape => "Aspect ratio",
        Text::ShapeOf => "{ratio}, {width} by {height} pixels",
        Text::HowMany => "Number of images",
        Text::MoreOptions => "More options",
        Text::Seed => "Seed",
        Text::SeedHint => {
            "The same prompt, aspect ratio and seed give the same image again. Leave empty for a random seed."
        }
        Text::SeedWrong => "The seed must be a whole number from 0 to 4294967295.",
        Text::CreditsMissing => "You don’t have enough credits. Nothing was charged.",
        Text::OrderNotRight => "Check the prompt, the number of images and the seed.",
        Text::MadeBy => "Made by",
        Text::MakeImages => "Create {count} image|Create {count} images",
        Text::TooFewCredits => "This costs {needed} and you have {available}.",
        Text::OnlySketches => {
            "Sketches by the built-in painter, not AI. It can draw landscapes, weather, towns and times of day."
        }
        Text::SketchNotAi => "Sketch, not AI",
        Text::Sketch => "Built-in painter",
        Text::ImageExamples => "Examples",
        Text::ExampleMountains => "Mountains at dawn, mist in the valleys",
        Text::ExampleLighthouse => "A lighthouse in a storm, waves against the rocks",
        Text::ExampleCity => "A city at night in the rain, lights on wet streets",
        Text::ExampleDesert => "A hot air balloon over desert dunes in the morning",
        Text::ExampleForest => "A forest in fog, a river between the trees",
        Text::ExampleIsland => "A small island with palms at sunset",
        Text::ExampleVillage => "A snowy village at night under the stars",
        Text::ExamplePlanet => "A ringed planet over a red desert",
        Text::Painting => "Painting…",
        Text::Storing => "Saving…",
        Text::SecondsSoFar => "{count} s",
        Text::ReloadToSee => "Reload the page to see it.",
        Text::Stopping => "Stopping…",
        Text::ImageStopped => "Stopped. Nothing was charged.",
        Text::ImageFailed => "This image couldn’t be created. Nothing was charged.",
        Text::ImageFailedTimeout => "It took too long. Nothing was charged.",
        Text::ImageFailedLimit => "The provider isn’t accepting more requests right now. Nothing was charged.",
        Text::ImageRefused => "The provider declined to create this. Nothing was charged.",
        Text::MakeAgain => "Make again",
        Text::MakeAgainHint => "Same prompt, new seed",
        Text::Vary => "Vary",
        Text::VaryHint => "Edit the prompt, keep aspect ratio and seed",
        Text::Dismiss => "Dismiss",
        Text::Favorite => "Favorite",
        Text::Favorites => "Favorites",
        Text::SearchImages => "Search images",
        Text::SelectImages => "Select",
        Text::SelectImage => "Select: {prompt}",
        Text::SelectAllShown => "Select all shown",
        Text::SelectedCount => "{count} selected|{count} selected",
        Text::DoneSelecting => "Done",
        Text::DeleteImages => "Delete {count} image?|Delete {count} images?",
        Text::DeleteImagesExplained => "This can’t be undone. Spent credits are not refunded.",
        Text::ImagesDeleted => "{count} image deleted|{count} images deleted",
        Text::ImageReady => "Image ready: {prompt}",
        Text::ImagesMaking => "{count} image in progress|{count} images in progress",
        Text::NoImages => "Your images will appear here",
        Text::NoImagesExplained => "Describe one above, or start with an example.",
        Text::DescribeImage => "Describe an image",
        Text::NoImagesFound => "No matching images",
        Text::NoImagesFoundWhy => "Try different words.",
        Text::NoFavorites => "No favorites yet",
        Text::NoFavoritesExplained => "Select the heart on an image to keep it here.",
        Text::ShowAllImages => "Show all images",
        Text::OlderImages => "Older images",
        Text::GalleryKeys => "Arrow keys move, Enter opens, Space selects, F adds to favorites, Delete deletes.",
        Text::ImagesUnreachable => "Tessera can’t be reached. Nothing was lost. Try again once you’re back online.",
        Text::ImageMissing => "This image isn’t available.",
        Text::ImageMissingWhy => "It may have been deleted.",
        Text::NewerImage => "Newer image",
        Text::OlderImage => "Older image",
        Text::ZoomImage => "Zoom to 100% (Z)",
        Text::Download => "Download",
        Text::CopyPrompt => "Copy prompt",
        Text::CopyLink => "Copy link",
        Text::LinkCopied => "Link copied. Only you can open it.",
        Text::Size => "Size",
        Text::SizeInPixels => "{width} × {height} pixels",
        Text::MadeBecauseFailed => "Made by {to} because {from} failed.",
        Text::Cost => "Cost",
        Text::OpenConversation => "Open the conversation",
        Text::AboutImage => "Image details",

        // Pages without a script
        Text::ImageInConversation => "Create an image in this conversation",
        Text::NothingToRefund => {
            "Nothing from this purchase can be refunded: the credits are used up or in use, or the refund period is over."
        }
        Text::RefundRefused => "The refund failed. Your credits are back in your account.",
        Text::SiteTitle => "Tessera",
        Text::AskTheOperator => "You can’t buy credits here yet. Ask the person who runs this site for more.",
        Text::WriteToTheOperator => "You can’t buy credits here yet. To ask for more, contact {contact}.",
        Text::SmallModel => {
            "A very small built-in model answers here. It is often wrong, so check anything that matters."
        }
        Text::SuggestionSky => "Explain why the sky is blue.",
        Text::SuggestionSleep => "Give me three tips for better sleep.",
        Text::SuggestionAutumn => "Write a haiku about autumn.",
        Text::SuggestionMosaic => "What is a mosaic?",
        Text::SkipConversations => "Skip the conversations",
        Text::ShowPassword => "Show password",
        Text::SiteDescription => {
            "Self-hosted AI chat and image studio with prepaid credits. You pay for answers, not for attempts."
        }
        Text::LandingTitle => "AI chat that only charges for answers",
        Text::OpenSource => "Tessera is open source.",
        Text::HeroFirst => "You pay for answers.",
        Text::HeroSecond => "Not for attempts.",
        Text::HeroText => {
            "A self-hosted AI chat and image studio with prepaid credits. It works with Gemini, OpenAI, any compatible server or the small model built into it, and charges a credit only once the answer is there."
        }
        Text::StartWith => "Start with {count} free credit|Start with {count} free credits",
        Text::NoCardNeeded => "No card required. Nothing to install.",
        Text::SampleQuestion => "Describe a mosaic in one sentence.",
        Text::SampleAnswer => {
            "A /mosaic /is /a /type /of /art /that /combines /different /materials, /such /as /glass, /stone, /and /metal, /to /create /intricate /patterns /on /walls /or /floors."
        }
        Text::SampleCaption => "First, what a failure looks like. Then, a recorded answer from the built-in model.",
        Text::PromiseTitle => "Every credit is a tile",
        Text::PromiseText => {
            "It’s yours until an answer takes its place. No result, no charge. That isn’t a policy, it’s how the ledger works."
        }
        Text::HeldTitle => "Held",
        Text::HeldText => "Before a model is asked, the price is put on hold. You see it before you send.",
        Text::SpentTitle => "Spent",
        Text::SpentText => "Only once the answer is saved and ready for you to read.",
        Text::GivenBackTitle => "Or released",
        Text::GivenBackText => "After an error, a timeout or even a server crash, the hold is released automatically.",
        Text::SketchesTitle => "The same goes for images",
        Text::SketchesText => {
            "Describe what you want to see. With an API key, Flux or any OpenAI-compatible server creates it. Without one, a built-in painter draws what it understands. These are its sketches; they are not AI."
        }
        Text::SketchLighthouse => "A red lighthouse by the golden sea at sunset",
        Text::SketchAurora => "Snowy mountains under the northern lights, a cosy cabin",
        Text::SketchBalloons => "Hot air balloons over green hills on a cheerful day",
        Text::SketchPlanet => "A purple planet in deep space",
        Text::SketchVillage => "A snowy village in the evening, cosy lights",
        Text::SketchStorm => "Stormy ocean with lightning and a sailing ship",
        Text::PricesTitle => "Prices, in credits",
        Text::PriceToBegin => "to start with",
        Text::PriceToBeginNote => "For every new account, once.",
        Text::PriceOfAnswer => "per answer",
        Text::PriceOfAnswerNote => "Whichever model answers, however long.",
        Text::PriceOfImage => "per image",
        Text::PriceOfImageNote => "Any aspect ratio, kept until you delete it.",
        Text::PriceFrom => "from {price}",
        Text::PriceOfAnswerVaries => "By model and length. The maximum is shown next to Send.",
        Text::PriceOfImageVaries => "By model and size, kept until you delete it.",
        Text::PriceOfFailure => "per failure",
        Text::PriceOfFailureNote => "Cached answers are free, too.",
        Text::SelfHostTitle => "Run it yourself",
        Text::SelfHostText => {
            "Two commands, no API keys, no accounts elsewhere: a small model is included. Add your own providers whenever you like. Any OpenAI client can connect."
        }
        Text::SignInIntro => "Welcome back.",
        Text::SignUpIntro => "{count} free credit to start with.|{count} free credits to start with.",
        Text::NewHere => "New here?",
        Text::HaveAnAccount => "Already have an account?",
        Text::NameOptional => "Name (optional)",
        Text::Password => "Password",
        Text::PasswordHint => "At least 8 characters.",
        Text::ToTheChat => "Go to chat",
        Text::ForbiddenTitle => "You don’t have access",
        Text::NotFoundTitle => "Page not found",
        Text::NotFoundText => "The page may have moved, the link may no longer work, or the address may be mistyped.",
        Text::UnavailableTitle => "We’ll be right back",
        Text::InternalTitle => "Something went wrong",
        Text::InternalText => {
            "The problem is on our side, and nothing was charged. The ID below identifies it in the log."
        }

        // Buying credits, and papers
        Text::NothingSoldHere => "Buying is switched off here",
        Text::YouHaveCredits => "You have {count} credit.|You have {count} credits.",
        Text::NothingSpentLately => "You haven’t spent any credits in the last 7 days.",
        Text::LastsNoDay => "At your pace of the last 7 days, they last less than a day.",
        Text::LastsDays => {
            "At your pace of the last 7 days, they last about {count} day.|At your pace of the last 7 days, they last about {count} days."
        }
        Text::LastsLong => "At your pace of the last 7 days, they last more than a year.",
        Text::PerCredit => "{price} per credit",
        Text::BonusCredits => "includes {credits} free",
        Text::BonusOnTop => "+{credits} free: {name}",
        Text::Day => "{day}\u{a0}{month}\u{a0}{year}",
        Text::OfferChanged => {
            "This offer has changed since you opened the page. Nothing was charged. Here is what is sold now."
        }
        Text::BonusOnTopUntil => "+{credits} free: {name}, until {day}",
        Text::BonusLasts => {
            "Free credits expire {count} day after the purchase.|Free credits expire {count} days after the purchase."
        }
        Text::BonusOnPaper => "Plus {count} free credit.|Plus {count} free credits.",
        Text::InviteTitle => "Invite others",
        Text::InviteExplained => {
            "When someone new accepts your link and buys their first pack, you each get {count} credit. If that purchase is refunded, both are taken back.|When someone new accepts your link and buys their first pack, you each get {count} credits. If that purchase is refunded, both are taken back."
        }
        Text::InviteLimit => {
            "You can be rewarded for {count} person at most.|You can be rewarded for {count} people at most."
        }
        Text::InviteLink => "Your link",
        Text::InvitedTitle => "You were invited",
        Text::InvitedExplained => {
            "If you accept, you and the person who invited you each get {count} credit when you buy your first pack. They won’t learn who you are.|If you accept, you and the person who invited you each get {count} credits when you buy your first pack. They won’t learn who you are."
        }
        Text::InvitedAccept => "Accept the invitation",
        Text::InvitedWaits => {
            "You were invited: {count} credit comes with the first pack you buy.|You were invited: {count} credits come with the first pack you buy."
        }
        Text::InvitationUnknown => "This invitation is not valid.",
        Text::InvitationForNewcomers => "Invitations are for people who sign up after the person who sent them.",
        Text::InvitationTooLate => "Invitations can only be accepted before your first purchase.",
        Text::BuyFor => "Buy for {price}",
        Text::AnswersCount => "{count} answer|{count} answers",
        Text::ImagesCount => "{count} image|{count} images",
        Text::AboutOf => "about {number} · {model}",
        Text::PayAtProvider => "You pay at PayPal and come back here. Nothing is charged until you confirm there.",
        Text::PricesIncludeTax => "Prices include {tax}.",
        Text::RefundableFor => {
            "Unused credits can be refunded for {count} day.|Unused credits can be refunded for {count} days."
        }
        Text::PurchasesAndReceipts => "Your purchases and receipts",
        Text::BillingDetails => "Details for your receipts",
        Text::BillingExplained => "These appear on future receipts. Earlier receipts don’t change.",
        Text::BillingName => "Name or company",
        Text::BillingAddress => "Address",
        Text::BillingCountry => "Country",
        Text::BillingCountryHint => "Two letters, such as DE",
        Text::BillingCountryWrong => "Enter the two letters of a country, such as DE, or leave this empty.",
        Text::BillingTaxId => "Tax ID",
        Text::BillingTooLong => "This is too long.",
        Text::SaveBilling => "Save",
        Text::LeavingFor => "Taking you to {provider}…",
        Text::GoOn => "Continue",
        Text::ChooseAgain => "Choose a pack",
        Text::NothingBought => "You didn’t buy anything",
        Text::CreditsAreYours => "{count} credit is yours|{count} credits are yours",
        Text::SeeReceipt => "Receipt",
        Text::PaymentChecked => "PayPal is still checking the payment",
        Text::PaymentCheckedExplained => {
            "Your credits will arrive automatically once that’s done. You can leave this page."
        }
        Text::PaymentDeclined => "The payment was declined",
        Text::PaymentDeclinedExplained => "Nothing was charged. Another card or account may work.",
        Text::PayOtherwise => "Pay another way",
        Text::PaymentNotAgreed => "The payment isn’t complete yet",
        Text::PaymentNotAgreedExplained => "It hasn’t been confirmed at PayPal, so nothing was charged.",
        Text::GoOnPaying => "Continue at PayPal",
        Text::PaymentDead => "This payment can’t be completed",
        Text::PaymentDeadExplained => {
            "It has expired or was cancelled. If money was taken all the same, the operator of this site has been told."
        }
        Text::NoSuchPack => "There is no such pack.",
        Text::NoSuchPlan => "There is no such plan.",
        Text::NoSuchPurchase => "There is no such purchase",
        Text::NoSuchPurchaseExplained => "This address doesn’t belong to one of your purchases.",
        Text::PaymentUnknown => "PayPal can’t be reached just now",
        Text::PaymentUnknownExplained => {
            "If you confirmed the payment, your credits will arrive automatically within minutes. You don’t have to pay again."
        }
        Text::NothingToGiveBack => "There is nothing to refund",
        Text::RefundPreview => "Of {of} credits bought on {day}, {credits} are unspent: {money} back",
        Text::RefundExplained => "The money goes back the way you paid.",
        Text::RefundUntil => "You can do this until {day}.",
        Text::GiveBackFor => "Refund {money}",
        Text::GiveBack => "Refund…",
        Text::Purchases => "Purchases",
        Text::PurchasePaid => "Paid",
        Text::PurchaseWaits => "Waiting for PayPal",
        Text::PurchaseDeclined => "Declined",
        Text::PurchaseDisputed => "Disputed",
        Text::PurchaseLookedAt => "Under review",
        Text::PurchaseRefunded => "{money} refunded",
        Text::Receipt => "Receipt",
        Text::CreditNote => "Credit note",
        Text::PaperNumber => "Number",
        Text::PaperDate => "Date",
        Text::AboutReceipt => "For receipt",
        Text::PaidBy => "Paid with",
        Text::PaymentReference => "Payment",
        Text::BilledTo => "Billed to",
        Text::TaxId => "Tax ID {id}",
        Text::PaperItem => "Item",
        Text::PaperAmount => "Amount",
        Text::NetAmount => "Net",
        Text::Total => "Total",
        Text::CreditsGivenBack => "{count} credit refunded|{count} credits refunded",
        Text::ToYourCredits => "Your credits",
        Text::DownloadPdf => "Download PDF",
        Text::WithinDays => "within {count} day|within {count} days",
        Text::CreditsExpireSoon => "{credits} of your credits expire {when}.",
        Text::CreditsLow => "Your credits are running low: {credits} left.",
        Text::MailCreditsLow => "Your credits are running low",
        Text::MailCreditsExpire => "Some of your credits expire soon",
        Text::NoticeSeen => "Dismiss",
        Text::Sessions => "Where you’re signed in",
        Text::SessionsExplained => {
            "Every device that is signed in to your account. Sign out any that you don’t recognize, then change your password."
        }
        Text::BrowserOnSystem => "{browser} on {system}",
        Text::UnknownDevice => "Unknown device",
        Text::ThisSession => "This device",
        Text::LastUsed => "Last used",
        Text::SignedInSince => "Signed in",
        Text::EndSession => "Sign out",
        Text::EndOtherSessions => "Sign out all other devices",
        Text::EndAllSessions => "Sign out everywhere",
        Text::SessionEnded => "That device is signed out.",
        Text::OtherSessionsEnded => "All other devices are signed out.",
        Text::ChangePassword => "Change password",
        Text::ChangePasswordExplained => "All other devices will be signed out. API keys stay valid.",
        Text::CurrentPassword => "Current password",
        Text::NewPassword => "New password",
        Text::PasswordChanged => "Your password is changed. All other devices are signed out.",
        Text::CurrentPasswordWrong => "That isn’t your current password.",
        Text::NewPasswordRefused => "The new password is too short, too long or easily guessed.",
        Text::ConfirmWithPassword => "Enter your current password to confirm that it’s you.",
        Text::TooOften => "Too many attempts. Please try again later.",
        Text::ProfileAndPreferences => "Profile and preferences",
        Text::PreferencesExplained => "What you choose here follows you to other devices when you sign in.",
        Text::EachDevice => "Set on each device",
        Text::Theme => "Theme",
        Text::DefaultModel => "Default model",
        Text::ProfileSaved => "Saved.",

        // Subscriptions
        Text::Avatar => "Picture",
        Text::AvatarExplained => "Shown in the menu instead of your initial. Only you see it.",
        Text::ChooseAvatar => "A PNG, JPEG or WebP of up to 2 MB",
        Text::RemoveAvatar => "Remove picture",
        Text::AvatarSaved => "Your picture was saved.",
        Text::AvatarRemoved => "Your picture was removed.",
        Text::AvatarRefused => "This isn’t a readable PNG, JPEG or WebP of up to 2 MB.",
        Text::YourPlan => "Your plan",
        Text::PlanActive => "Active",
        Text::PlanIsPastDue => "Payment failed",
        Text::PlanIsSuspended => "Suspended",
        Text::PlanIsCancelled => "Cancelled",
        Text::PlanIsPrepaid => "Prepaid",
        Text::PlanRenews => "Renews on {day}.",
        Text::PlanEnds => "Active until {day}. It doesn’t renew.",
        Text::PlanPastDue => {
            "The last payment failed and will be tried again. What you paid for remains until {day}. Check your payment method at PayPal."
        }
        Text::PlanUnpaid => "The payment failed. Check your payment method at PayPal.",
        Text::PlanSuspended => "It is suspended at PayPal and doesn’t renew. What you paid for remains until {day}.",
        Text::PlanWaits => "The first payment is being processed.",
        Text::CancelSubscription => "Cancel subscription",
        Text::Subscriptions => "Subscriptions",
        Text::SubscriptionTerms => {
            "You pay every month at PayPal until you cancel. A month’s credits expire at its end; purchased and free credits stay."
        }
        Text::PriceAMonth => "{price} a month",
        Text::CreditsAMonth => "{count} credit a month|{count} credits a month",
        Text::PlanPace => "Up to {count} request a minute|Up to {count} requests a minute",
        Text::Subscribe => "Subscribe",
        Text::ChangePlan => "Change to this plan",
        Text::SubscribedAlready => "You already have this plan.",
        Text::SubscriptionBegun => "{plan} is yours",
        Text::SubscriptionChanges => "{plan} begins on {day}",
        Text::SubscriptionChangesExplained => {
            "With that payment you get {credits} a month. Until then, nothing changes."
        }
        Text::PlanChanges => "Changes to {plan} on {day}.",
        Text::SubscriptionBegunExplained => "{credits} a month, paid until {day}.",
        Text::SubscriptionPending => "Your subscription has begun",
        Text::SubscriptionPendingExplained => {
            "The first payment is being processed. Its credits will arrive automatically."
        }
        Text::SubscriptionNotAgreed => "The subscription isn’t complete yet",
        Text::SubscriptionNotAgreedExplained => "Nothing was charged. You can continue at PayPal.",
        Text::SubscriptionDead => "There is no such subscription",
        Text::SubscriptionDeadExplained => "It has ended or never began. You can choose again.",
        Text::PlanRedeemedUntil => "{plan} is yours until {day}, with {credits}.",

        // Links by mail
        Text::ForgotPassword => "Forgot your password?",
        Text::ResetPassword => "Reset your password",
        Text::ResetPasswordIntro => "Enter your email address, and we’ll send you a link to set a new password.",
        Text::SignInByLink => "Email me a sign-in link",
        Text::SignInByLinkIntro => {
            "Enter your email address, and we’ll send you a link to sign in with. You don’t need your password."
        }
        Text::LookForMail => "Check your email",
        Text::LinkOnItsWay => {
            "If {email} has an account here, a message with a link is on its way. The link works for {minutes} minutes."
        }
        Text::FinishSigningUp => "Finish signing up",
        Text::FinishSigningUpIntro => "The account of {email}. Choose its password.",
        Text::SignUpByLink => "We’ll email you a link. You choose a password there.",
        Text::SetNewPassword => "Set a new password",
        Text::SetNewPasswordIntro => "The new password for {email}. All devices will be signed out.",
        Text::PasswordWasSet => "Your password was changed",
        Text::PasswordWasSetExplained => "All devices were signed out. You can now sign in with the new password.",
        Text::SignInAs => "You’re about to sign in as {email} on this device.",
        Text::LinkInvalid => {
            "This link doesn’t work anymore: it has expired, was used already, or a newer one was sent. Request another one."
        }
        Text::LinkInvalidTitle => "This link doesn’t work anymore",
        Text::ConfirmEmail => "Confirm your email address",
        Text::ConfirmEmailIntro => "Confirm that {email} is yours and belongs to your account.",
        Text::EmailWasConfirmed => "Your email address is confirmed",
        Text::EmailWasConfirmedExplained => "{email} is the confirmed address of your account.",
        Text::EmailConfirmed => "Confirmed",
        Text::EmailUnconfirmed => "Not confirmed",
        Text::EmailUnconfirmedExplained => {
            "Confirm your address with the link that we emailed you. You can then sign in by email."
        }
        Text::SendLinkAgain => "Send the link again",
        Text::LinkWasSent => "We’ve sent a message with a link to {email}.",
        Text::EmailConfirmedAlready => "Your email address is already confirmed.",
        Text::NoEmailYet => "This account has no email address yet.",
        Text::ChangeEmail => "Change your email address",
        Text::ChangeEmailIntro => "The new address takes effect once you open the link that we’ll email to it.",
        Text::NewEmail => "New email address",
        Text::SameEmail => "This is already your email address.",
        Text::EmailNotFree => "This address now belongs to another account.",
        Text::SignInToConfirm => {
            "This address is an administrator’s: sign in to its account in this browser, then open the link again. If you didn’t create that account, don’t: reset its password instead."
        }
        Text::BackToAccount => "Back to your account",
        Text::BackToPage => "Back to the page",
        Text::SentFromElsewhere => {
            "This was sent from another site, so nothing was changed. Open the page here and send it again."
        }
        Text::MailVerify => {
            "An account on Tessera was created with this email address. Please confirm that the address is yours."
        }
        Text::MailSignUp => {
            "Somebody, most likely you, is signing up for Tessera with this email address. The link finishes it."
        }
        Text::MailHasAccountSubject => "You already have an account",
        Text::MailHasAccount => {
            "Somebody, perhaps you, wanted to sign up for Tessera with this email address. It has an account already: sign in, or reset the password if you have forgotten it."
        }
        Text::MailReset => "You asked to reset the password of your Tessera account.",
        Text::MailResetFirst => {
            "You asked for a sign-in link. Your address isn’t confirmed yet, so please set a new password first; that confirms it too."
        }
        Text::MailSignInSubject => "Your sign-in link",
        Text::MailSignIn => {
            "With this link you can sign in to Tessera. Don’t share it: anyone who has it can sign in as you."
        }
        Text::MailChange => {
            "You asked to use this email address for your Tessera account. Please confirm that it is yours."
        }
        Text::MailLinkMinutes => "The link works once, for {minutes} minutes.",
        Text::MailLinkHours => "The link works once, for {hours} hours.",
        Text::MailNotYou => "If this wasn’t you, you can ignore this message: nothing will change.",
        Text::MailPassword => "The password of your Tessera account was changed, and all devices were signed out.",
        Text::MailPasswordNotYou => "If this wasn’t you, set a new password now, and check who can read your email.",
        Text::MailChangedSubject => "Your email address was changed",
        Text::MailChanged => {
            "The email address of your Tessera account is now {email}; this one no longer belongs to it."
        }
        Text::MailChangedNotYou => "If this wasn’t you, contact the operator of this site.",
        Text::MailTakenSubject => "This email address has an account already",
        Text::MailTaken => {
            "Somebody, perhaps you, wanted to use this email address for another Tessera account. It has an account already, so nothing was changed."
        }
        Text::ContinueWith => "Continue with {provider}",
        Text::OrElse => "or",
        Text::GoingTo => "Continuing at {provider}",
        Text::ProviderDenied => "You weren’t signed in with {provider}. Try again, or sign in another way.",
        Text::SignInExpired => {
            "That took too long, or was started in another browser. Please try again with {provider}."
        }
        Text::ProviderNotBelieved => {
            "The response of {provider} couldn’t be verified. Please try again; if it keeps happening, tell the operator of this site."
        }
        Text::ProviderUnreachable => {
            "{provider} can’t be reached right now. Please try again later, or sign in another way."
        }
        Text::SignInOnceToLink => {
            "Your email address already has an account here. Sign in to it once, and {provider} will be linked to it."
        }
        Text::IdentityTaken => "This {provider} account is already linked to another account here.",
        Text::OtherAccountMeant => {
            "{provider} wasn’t linked: you signed in to a different account than the one with that address."
        }
        Text::SignInAgainFirst => {
            "To protect your account, sign out and sign in again first, or enter your current password."
        }
        Text::WaysToSignIn => "Sign-in methods",
        Text::WaysExplained => "The ways you can sign in to this account. The last one can’t be removed.",
        Text::Unlink => "Unlink",
        Text::LinkWith => "Link {provider}",
        Text::ConfirmHint => "Needed unless you have just signed in.",
        Text::SetPassword => "Set a password",
        Text::LastWayToSignIn => "This is your only way to sign in. Add another one first.",
        Text::HasPassword => "This account already has a password.",
        Text::MailWaySubject => "Your sign-in methods changed",
        Text::MailWayLinked => "{provider} was linked to your Tessera account: you can now sign in with it.",
        Text::MailWayUnlinked => "{provider} was unlinked from your Tessera account and can no longer sign in to it.",
        Text::MailFirstPassword => "A password was set for your Tessera account: you can now sign in with it.",
        Text::MailWayNotYou => {
            "If this wasn’t you, check your sign-in methods, set a new password now, and sign out all other devices."
        }
        // Passkeys
        Text::Passkeys => "Passkeys",
        Text::Passkey => "Passkey",
        Text::PasskeysExplained => "Sign in with your fingerprint, face or screen lock, without a password.",
        Text::PasskeysOff => {
            "Passkeys are off: they need a site with a domain name and https (or localhost), and this one is at {url}."
        }
        Text::PasskeysNeedScript => "JavaScript must be on to add a passkey or sign in with one.",
        Text::PasskeysElsewhere => "Passkeys only work at {url}. Open this page there.",
        Text::PasskeysUnsupported => "This browser or device can’t use passkeys here.",
        Text::NoPasskeys => "You have no passkeys yet.",
        Text::AddPasskey => "Add a passkey",
        Text::PasskeyNameHint => "To recognize it later.",
        Text::NamePasskey => "Enter a name.",
        Text::RemovePasskey => "Remove",
        Text::RemoveThisPasskey => "Remove this passkey",
        Text::SignInByPasskey => "Sign in with a passkey",
        Text::PasskeyAdded => "The passkey is added. You can sign in with it now.",
        Text::PasskeyRenamed => "The passkey is renamed.",
        Text::PasskeyRemoved => "The passkey is removed. You can delete it from your device too.",
        Text::PasskeyRefused => "This passkey wasn’t accepted. It may have been removed from its account.",
        Text::PasskeyExpired => "That took too long. Please try again.",
        Text::PasskeyNotUsed => "No passkey was used. Try again, or sign in another way.",
        Text::PasskeyNotMade => "No passkey was created. You can try again.",
        Text::PasskeyKnown => "This device already has a passkey for your account.",
        Text::PasskeyTaken => "This passkey has been added already.",
        Text::TooManyPasskeys => "You can have up to {most} passkeys. Remove one first.",
        Text::MailPasskeyAddedSubject => "A passkey was added",
        Text::MailPasskeyAdded => {
            "The passkey “{name}” was added to your Tessera account. Anyone who has it can sign in as you."
        }
        Text::MailPasskeyRemovedSubject => "A passkey was removed",
        Text::MailPasskeyRemoved => {
            "The passkey “{name}” was removed from your Tessera account. Nobody can sign in with it anymore."
        }
        Text::MailPasskeyNotYou => {
            "If this wasn’t you, check your passkeys, set a new password now, and sign out all other devices."
        }
        // Leaving
        Text::YourData => "Your data",
        Text::YourDataExplained => "Export everything, or erase it.",
        Text::ExportEverything => "Export everything",
        Text::ExportExplained => {
            "One ZIP file with your account, conversations, images, credits and receipts. It’s kept for 24 hours."
        }
        Text::MakeArchive => "Create the archive",
        Text::ArchiveInTheMaking => "Your archive is being created: step {done} of {steps}, {files} files so far.",
        Text::LookAgain => "Refresh",
        Text::ArchiveReady => "Your archive is ready: {files} files, {size}. You can download it until",
        Text::ArchiveFailed => "Your archive couldn’t be created. Please try again.",
        Text::DownloadArchive => "Download the archive",
        Text::ExportStarted => "Your archive is being created.",
        Text::ExportLater => "You can create one archive an hour. Try again later.",
        Text::NoExport => "There’s no archive to download.",
        Text::EraseEverything => "Erase everything",
        Text::EraseExplained => "Deletes your account and everything in it. This can’t be undone.",
        Text::EraseGoes => {
            "Your conversations, images and files, API keys, settings and sign-ins are deleted, everywhere."
        }
        Text::EraseStays => {
            "What stays: the ledger of credits, which identifies you by a number only, and your receipts, which the law requires us to keep."
        }
        Text::EraseTakeAlong => "Export your data first if you want to keep it.",
        Text::EraseCredits => "Credits that will be lost: {credits}.",
        Text::ErasePaidCredits => "Of these, paid for: {credits}.",
        Text::EraseSubscription => "Your subscription will be cancelled first.",
        Text::TypeYourAddress => "Your email address, to confirm",
        Text::GiveUpCredits => "I give up the credits I paid for.",
        Text::EraseForGood => "Erase everything for good",
        Text::TypeOwnAddress => "Type the email address of this account.",
        Text::PaidCreditsLeft => "You paid for {credits} of your credits. Confirm that they may be lost.",
        Text::LastAdminStays => "The last admin can’t be erased. Make somebody else an admin first.",
        Text::MoneyIsMoving => "One of your payments isn’t finished yet. Nothing was erased; try again once it is.",
        Text::SubscriptionNotEnded => {
            "Your subscription couldn’t be cancelled: the payment provider didn’t answer. Nothing was erased; try again later."
        }
        Text::SignInAgainAtClerk => "Sign out and in again first: this needs a sign-in within the last ten minutes.",
        Text::BeingErased => "Everything is being erased",
        Text::BeingErasedText => {
            "You’re signed out everywhere. Step {done} of {steps} is done. You can close this page: it continues automatically."
        }
        Text::IsErased => "Everything was erased",
        Text::IsErasedText => "Your account and everything in it are gone. Goodbye!",
        Text::ToTheStart => "Go to the home page",

        // Two-step sign-in
        Text::TwoSteps => "Two-step sign-in",
        Text::TwoStepsExplained => {
            "A second step protects your account even from someone who knows your password or reads your email: a code from an authenticator app on your phone, or a passkey."
        }
        Text::TwoStepsUnconfirmed => {
            "Confirm your email address first: until you do, a password reset also turns two-step sign-in off."
        }
        Text::TurnedOn => "On",
        Text::TurnedOff => "Off",
        Text::SetTwoStepsUp => "Set up two-step sign-in",
        Text::TurnTwoStepsOn => "Turn on",
        Text::TurnTwoStepsOff => "Turn off two-step sign-in",
        Text::TwoStepsAreOn => "Two-step sign-in is on.",
        Text::TwoStepsAreOff => "Two-step sign-in is off.",
        Text::TwoStepsOnAlready => "Two-step sign-in is already on.",
        Text::SetupScan => {
            "Scan this QR code with an authenticator app, such as Aegis, Google Authenticator or 1Password."
        }
        Text::SetupQr => "QR code for the authenticator app; the key below is the same",
        Text::SetupKey => "Can’t scan it? Enter this key in the app:",
        Text::SetupOpen => "Open in an app on this device",
        Text::SetupConfirm => "The app now shows a code of six digits. Enter it here.",
        Text::SetupOver => "That took too long. Please begin again on the account page.",
        Text::RecoveryCodes => "Recovery codes",
        Text::RecoveryCodesExplained => {
            "If you lose your phone, each of these codes signs you in once. They are shown only now, and earlier ones no longer work: keep them somewhere safe, but not on the phone."
        }
        Text::RecoveryCodesLeft => "{count} recovery code is left.|{count} recovery codes are left.",
        Text::NewRecoveryCodes => "Get new recovery codes",
        Text::DownloadCodes => "Download as text",
        Text::SecondStep => "Second step",
        Text::SecondStepIntro => "Enter the code from your authenticator app, or one of your recovery codes.",
        Text::SecondStepOver => "That took too long, or there were too many wrong codes. Please sign in again.",
        Text::SecondCode => "Code",
        Text::EnterSecondCode => "Enter a code.",
        Text::SecondCodeWrong => "That code is wrong, too old or already used. Try the next one.",
        Text::UsePasskeys => "Use passkeys",
        Text::SecondStepIsPasskey => "After your password, you’re asked for a passkey or a recovery code.",
        Text::AddPasskeyFirst => "Add a passkey first.",
        Text::PasskeyIsSecondStep => {
            "This is the last passkey, and two-step sign-in needs one. Turn two-step sign-in off first, or add another passkey."
        }
        Text::SignInOtherwise => "Sign in another way",
        Text::MailTwoStepsOn => "Two-step sign-in was turned on for your Tessera account.",
        Text::MailTwoStepsOff => "Two-step sign-in was turned off for your Tessera account.",
        Text::MailNewRecoveryCodes => {
            "Your Tessera account has new recovery codes for two-step sign-in. The earlier ones no longer work."
        }
        Text::MailRecoveryCodeUsed => {
            "A recovery code was used to sign in to your Tessera account. It won’t work again."
        }
        Text::MailTwoStepsNotYou => {
            "If this wasn’t you, set a new password now, which signs out all devices, and check two-step sign-in on your account page."
        }
        Text::Admin => "Admin",
        Text::AdminUsers => "Users",
        Text::AuditLog => "Audit log",
        Text::AuditExplained => {
            "Who did what to whom. Times are in UTC. Sign-ins are kept for 90 days, everything else for good."
        }
        Text::AuditTime => "Time",
        Text::AuditActor => "Actor",
        Text::AuditAction => "Action",
        Text::AuditTarget => "Target",
        Text::AuditDetails => "Details",
        Text::AuditSignUp => "Registered",
        Text::AuditSignIn => "Signed in",
        Text::AuditSignInFailed => "Failed to sign in",
        Text::AuditKeyCreated => "Created an API key",
        Text::AuditKeyRevoked => "Revoked an API key",
        Text::AuditPurchase => "Bought credits",
        Text::AuditRefund => "Refund",
        Text::AuditRoleChanged => "Changed a role",
        Text::AuditStatusChanged => "Changed a status",
        Text::AuditSessionsEnded => "Signed a user out",
        Text::AuditCreditsAdjusted => "Adjusted credits",
        Text::ActorOperator => "Operator",
        Text::ActorSystem => "System",
        Text::ActorVisitor => "Visitor",
        Text::AnyAction => "Any action",
        Text::FromDay => "From day",
        Text::UntilDay => "To day",
        Text::NextPage => "Next page",
        Text::EmailOrId => "Beginning of an email address, or an ID",
        Text::UserRole => "Role",
        Text::AnyRole => "Any role",
        Text::RoleUser => "User",
        Text::RoleSubscriber => "Subscriber",
        Text::AccountStatus => "Status",
        Text::AnyStatus => "Any status",
        Text::StatusActive => "Active",
        Text::StatusDisabled => "Disabled",
        Text::StatusErasing => "Being erased",
        Text::UserOrder => "Order",
        Text::NewestFirst => "Newest first",
        Text::OldestFirst => "Oldest first",
        Text::ByEmail => "By email address",
        Text::UserEmail => "Email address",
        Text::UserName => "Name",
        Text::UserId => "ID",
        Text::RegisteredAt => "Registered",
        Text::EmailIsConfirmed => "Email address confirmed",
        Text::UserHasPassword => "Has a password",
        Text::UserPlan => "Plan",
        Text::PlanUntil => "until",
        Text::Yes => "Yes",
        Text::No => "No",
        Text::WhatHappened => "Audit log of this user",
        Text::MakeAdmin => "Make an admin",
        Text::TakeAdmin => "Remove as admin",
        Text::Disable => "Disable account",
        Text::Enable => "Enable account",
        Text::EndSessions => "Sign out everywhere",
        Text::AskMakeAdmin => "Make {email} an admin? They have to sign in again.",
        Text::AskTakeAdmin => "Remove {email} as an admin? They have to sign in again.",
        Text::AskDisable => {
            "Disable the account of {email}? They are signed out, their API keys stop working, and work in progress is stopped."
        }
        Text::AskEnable => "Enable the account of {email}?",
        Text::AskEndSessions => "Sign {email} out everywhere?",
        Text::AskGive => "Give {credits} to {email}? Reason: {reason}",
        Text::AskTake => "Take {credits} from {email}? Reason: {reason}",
        Text::ConfirmTask => "Confirm",
        Text::TaskDone => "Done.",
        Text::RoleFollowsPlan => "Subscribers are determined by their plan: the role can only be USER or ADMIN.",
        Text::NothingToChange => "Nothing to change: give a role, or a status of active or disabled.",
        Text::IsBeingErased => "This account is being erased.",
        Text::LastAdmin => "This is the last admin who can sign in. Make somebody else an admin first.",
        Text::AmountOfNothing => "The amount is a number of credits other than 0, with at most six decimals.",
        Text::ReasonNeeded => "Give a reason of 1 to {most} characters.",
        Text::OnlySoManyToTake => "The account has only {available} credits that can be taken.",
        Text::CreditsToGive => "Credits (−5 takes 5)",
        Text::ReasonForUser => "Reason (the user can read it)",
        Text::AdjustCredits => "Adjust credits",
        Text::Held => "Held",
        Text::Debt => "Owed",
        Text::NewestEntries => "Latest transactions",
        Text::EntryKind => "Kind",
        Text::EntryAmount => "Amount",
        Text::EntryReason => "Reason",
        Text::AvailableAfter => "Available after",
        Text::BoughtWhat => "Pack",
        Text::PaymentStateName => "State",
        Text::UserSessions => "Sessions",
        Text::SessionDevice => "Device",
        Text::SessionAddress => "IP address",
        Text::SessionBegan => "Created",
        Text::SessionUsed => "Last used",
        Text::UserKeys => "API keys",
        Text::UserKey => "ID",
        Text::KeyScopes => "Scopes",
        Text::UserUsage => "Usage in the last 30 days, and storage",
        Text::UsageAttempts => "Provider requests",
        Text::UsageFailed => "Failed",
        Text::UsageInput => "Input tokens",
        Text::UsageOutput => "Output tokens",
        Text::UsageCost => "Provider cost",
        Text::ImagesMade => "Images",
        Text::ImagesMadeSize => "Size of images",
        Text::ImagesSentSize => "Size of attachments",
        // Statistics
        Text::Overview => "Overview",
        Text::Costs => "Costs",
        Text::AttemptsTitle => "Attempts at providers",
        Text::StatsRange => "Range",
        Text::RangeLastDay => "Last 24 hours",
        Text::RangeWeek => "7 days",
        Text::RangeMonth => "30 days",
        Text::RangeQuarter => "90 days",
        Text::RangeDays => "Custom dates",
        Text::ShowRange => "Show",
        Text::RangeExplained => {
            "Days are in {zone}, also in CSV files; the last one isn’t over yet. “Before” is the preceding period of the same length. Sums are kept for 400 days."
        }
        Text::CountedAt => "Counted at",
        Text::BeforeValue => "Before: {value}",
        Text::HowCounted => "How it is counted",
        Text::AsTable => "As a table",
        Text::AsCsv => "CSV",
        Text::PartColumn => "Day or hour",
        Text::ValueColumn => "Value",
        Text::CorrectedPart => "{value} (corrected: records came late)",
        Text::FigureNewUsers => "New users",
        Text::NewUsersExplained => "Registrations, including users who have left since.",
        Text::FigureActiveUsers => "Active users",
        Text::ActiveUsersExplained => {
            "Users for whom a provider was asked, or who paid for something. Each is counted once per range, so days don’t add up."
        }
        Text::FigureChats => "Replies",
        Text::ChatsExplained => "Replies that were charged, by the time of their settlement in the ledger.",
        Text::FigureImages => "Images",
        Text::ImagesExplained => "Images that were charged, by the time of their settlement in the ledger.",
        Text::FigureCached => "Cached replies",
        Text::CachedExplained => {
            "Replies from the cache: no provider was asked, and they are free. Saved: what asking again would have cost, by list prices."
        }
        Text::FigureSaved => "Saved by the cache",
        Text::FigureGranted => "Credits granted",
        Text::GrantedExplained => "Ledger entries “grant”: welcome credits, codes, gifts.",
        Text::FigureSold => "Credits sold",
        Text::SoldExplained => {
            "Ledger entries “purchase”, and credits from subscriptions; refunded credits are not subtracted."
        }
        Text::FigureRefunded => "Credits refunded",
        Text::RefundedExplained => "Ledger entries “refund”: credits taken back, minus those returned.",
        Text::FigureSpent => "Credits spent",
        Text::SpentExplained => "Ledger entries “settle”.",
        Text::FigureExpired => "Credits expired",
        Text::ExpiredExplained => "Ledger entries “expire”.",
        Text::FigureAdjusted => "Credits adjusted",
        Text::AdjustedExplained => "Ledger entries “adjust”: given by admins, minus what they took.",
        Text::FigureRevenue => "Revenue",
        Text::RevenueExplained => "Payments and their refunds, by the time of the order; each currency separately.",
        Text::WentBack => "{value} refunded",
        Text::FigureCost => "Provider costs",
        Text::CostExplained => {
            "What providers charge for all attempts, as recorded with each, in US dollars. Attempts with an unknown price: {count}."
        }
        Text::FigureMargin => "Margin",
        Text::MarginExplained => {
            "What was paid in US dollars for the credits that were spent, minus provider costs. Other currencies are not converted."
        }
        Text::FigurePromoCost => "Cost of free credits",
        Text::PromoCostExplained => "Provider costs times the share of spent credits that nobody paid for.",
        Text::FigureFallbacks => "Fallbacks",
        Text::FallbacksExplained => {
            "Share of attempts that went to another provider than the first for the same reply or image."
        }
        Text::FigureErrors => "Errors",
        Text::ErrorsExplained => "Share of attempts that were neither answered nor stopped.",
        Text::FigureLatency => "Latency, p50 / p95",
        Text::LatencyExplained => {
            "From the question to the end of the answer, for attempts that completed; overstated by at most a sixteenth."
        }
        Text::FigureFirstToken => "First token, p50 / p95",
        Text::FirstTokenExplained => "From the question to the first token; overstated by at most a sixteenth.",
        Text::FigureAttempts => "Attempts",
        Text::AttemptsExplained => "Requests to providers, by the time they began.",
        Text::StandingNow => "Now",
        Text::StandingExplained => "At most a minute old.",
        Text::CreditsUnspent => "Credits outstanding",
        Text::CreditsUnspentPaid => "of those, paid for",
        Text::MoneyOwed => "Owed to users",
        Text::MoneyOwedExplained => "What was paid for credits that are not spent yet.",
        Text::CreditsOverdrawn => "Owed by users",
        Text::ByProvider => "By provider",
        Text::ByModel => "By model (the 50 that cost the most)",
        Text::ByUser => "By user (the 50 that cost the most)",
        Text::ModelPrices => "Prices",
        Text::ModelPricesExplained => {
            "What each model costs users on this server, according to its configuration and price file. A version is in each receipt and in the \
             ledger: the same price has the same version on every server, and work costs what its version says, whatever comes later."
        }
        Text::PricesCalled => "The current prices are called {version}.",
        Text::PricesInForce => "Current",
        Text::PricesBefore => "Earlier, and on other servers",
        Text::VersionColumn => "Version",
        Text::PriceInCredits => "Credits",
        Text::ProviderTakes => "Provider charges, in / out per million tokens",
        Text::FirstSeen => "First seen",
        Text::LastSeen => "Last seen",
        Text::PriceEachReply => "{price} a reply",
        Text::PriceEachImage => "{price} an image",
        Text::PriceEachCall => "{price} a call",
        Text::PriceMillionTokens => "{input} in, {output} out per million tokens",
        Text::PriceCachedTokens => "{price} cached",
        Text::PriceWrittenTokens => "{price} written to the cache",
        Text::PriceTokensForAnHour => "{price} written for an hour",
        Text::PriceThoughtTokens => "{price} thought",
        Text::PriceAboveTokens => "above {tokens} tokens: {price}",
        Text::PriceAtSize => "{price} at {size}",
        Text::SavedViews => "Saved views",
        Text::ViewName => "Name of this view",
        Text::SaveView => "Save this view",
        Text::RemoveView => "Remove the view {name}",
        Text::ViewNameWrong => "Give the view a name of at most {most} characters.",
        Text::ViewTooLong => "This is too long to be saved as a view.",
        Text::TooManyViews => "You can save up to {most} views of a list. Remove one first.",
        Text::ByKey => "By API key (the 50 that cost the most)",
        Text::KeyColumn => "API key (id)",
        Text::ProviderColumn => "Provider",
        Text::ModelColumn => "Model",
        Text::UserColumn => "User",
        Text::TokensColumn => "Tokens in / out",
        Text::ChargedColumn => "Charged",
        Text::OnlyFailed => "Only failed",
        Text::AllOutcomes => "All",
        Text::OutcomeColumn => "Outcome",
        Text::AttemptsListed => "Newest first. Records are deleted after 400 days; the sums remain.",
        Text::FieldProblem => "{field}: {problem}",
        Text::DayWanted => "Enter a day such as 2026-11-29.",
        Text::TimeOrDayWanted => "Enter a day such as 2026-11-29, or a time such as 2026-11-29T08:00:00Z.",
        Text::EndsBeforeItBegins => "The end is before the beginning.",
        Text::MostDays => "Choose at most {most} days.",
        Text::ZoneWanted => "Enter a time zone such as Europe/Zurich.",
        Text::KeyIdWanted => "Enter the whole ID of an API key.",
        Text::OnlyOfTime => "Only from {from} until {until}.",
        Text::AnyTime => "Show without this limit",
        Text::FirstAndWhole => "First token / whole",
        Text::LedgerListed => "The ledger of all users, newest first; the last 24 hours unless a chart led here.",
        Text::CodesListed => {
            "Campaigns are made here or by the command tessera codes create, and their codes are shown once: only their hashes are kept. Ending a campaign ends its codes: what was given stays."
        }
        Text::CampaignColumn => "Campaign",
        Text::CodesOpen => "Can be redeemed",
        Text::CodesUsed => "Times redeemed",
        Text::EndCampaign => "End",
        Text::AskEndCampaign => "End the codes of “{name}”, of which {count} can still be redeemed?",
        Text::CampaignHint => "1 to 60 characters; people see it in their ledger.",
        Text::MakeCodes => "Make codes",
        Text::AskMakeCodes => "Make these codes?",
        Text::CodesNew => "New codes",
        Text::CodesMade => {
            "Copy or download these codes now: only their hashes are kept, so nobody can show them later."
        }
        Text::CodesAsText => "Download as text",
        Text::CodeCredits => "Credits per code",
        Text::CodeCreditsHint => {
            "Up to six decimals. With days of a plan it can be empty: then as many as these days bring."
        }
        Text::CodeCount => "Number of codes",
        Text::CodeCountHint => "1 to 1000. Leave empty for 1.",
        Text::CodeOwn => "Custom code",
        Text::CodeOwnHint => "4 to 64 letters and digits, such as WELCOME. Leave empty for random codes.",
        Text::CodeUses => "Total uses per code",
        Text::CodeUsesHint => "0 for no limit. Leave empty for 1.",
        Text::CodePerUser => "Uses per user",
        Text::CodePerUserHint => "At least 1. Leave empty for 1.",
        Text::CodeExpires => "Last day to redeem",
        Text::CodeExpiresHint => "In UTC. Leave empty for no end.",
        Text::CodeCreditsLast => "Credits expire after (days)",
        Text::CodeCreditsLastHint => "Counted from when they are redeemed. Leave empty if they never expire.",
        Text::CodeDays => "Days of the plan",
        Text::CodeDaysHint => "How long the code gives the plan for. Leave empty for no plan.",
        Text::CodeUnlimited => "without limit",
        Text::CampaignWrong => "Use 1 to {most} characters.",
        Text::CodeCreditsWrong => "Enter a number above 0 with at most six decimals.",
        Text::CodeNumberWrong => "Enter a whole number.",
        Text::CodeCountWrong => "Enter a whole number from 1 to {most}.",
        Text::CodeCountWithOwn => "A custom code can only be created once.",
        Text::CodeOwnWrong => "Use 4 to 64 letters and digits.",
        Text::CodeTaken => "This code already exists.",
        Text::CodePlanUnknown => "There is no such plan.",
        Text::CodeDaysWrong => "Enter a whole number of days from 1 to {most}.",
        Text::CodePerUserWrong => "Enter at least 1.",
        Text::CodeExpiresWrong => "Enter a day, such as 2026-12-31.",
        Text::CodeExpiresOver => "That day is over. Choose a later one.",
        Text::CodeCreditsEndWithPlan => "The credits end with the days of the plan.",
        Text::AuditCodesMade => "Made codes",
        Text::OutcomeOk => "Answered",
        Text::OutcomeStopped => "Stopped",
        Text::OutcomeTimeout => "Timed out",
        Text::OutcomeRateLimited => "Rate limited",
        Text::OutcomeBlocked => "Blocked",
        Text::OutcomeRejected => "Request refused",
        Text::OutcomeMalformed => "Malformed answer",
        Text::OutcomeUnavailable => "Unavailable",
        Text::OutcomeCut => "Cut off",
        Text::StateCreated => "Not paid yet",
        Text::StatePending => "On its way",
        Text::StateCaptured => "Paid, not booked",
        Text::StateCredited => "Credited",
        Text::StateDeclined => "Declined",
        Text::StateAbandoned => "Abandoned",
        Text::StateRejected => "To be looked at",
        Text::NoValue => "none",

        // Flags
        Text::SwitchedOffTitle => "Not available right now",
        Text::PausedForToday => "This is paused until tomorrow (midnight UTC). Nothing was charged.",
        Text::NoProviderIsOn => "No model is available for this right now. Nothing was charged.",
        Text::ChatIsOff => "Chat is switched off for now. Your conversations are safe, and nothing was charged.",
        Text::ImagesAreOff => "Creating images is switched off for now. Your images are safe, and nothing was charged.",
        Text::AttachmentsAreOff => "Sending images is switched off for now. You can send the message without them.",
        Text::PurchasesAreOff => {
            "Buying credits is switched off for now. What you have bought stays, and what you have approved is still credited."
        }
        Text::CodesAreOff => "Redeeming codes is switched off for now. Your code stays valid until it expires.",
        Text::AutomaticTopUpIsOff => {
            "Automatic top-up can’t be switched on: the payment provider charges only when the payer agrees to each purchase."
        }
        Text::SignUpIsOff => "New accounts can’t be created right now. Existing users can still sign in.",
        Text::ShareLinksAreOff => "Shared links are switched off for now.",
        Text::ApiKeysAreOff => "API keys are switched off for now. They work again once they are switched on.",
        Text::V1IsOff => "The API under /v1 is switched off for now.",
        Text::Flags => "Flags",
        Text::FlagsExplained => {
            "What is switched off here is off on every server within seconds: on pages, in the API and under /v1. Work in progress continues, and approved payments are still credited. Signing in and this panel can’t be switched off."
        }
        Text::FlagChat => "Chat",
        Text::FlagImages => "Images",
        Text::FlagAttachments => "Images in messages",
        Text::FlagPurchases => "Purchases and subscriptions",
        Text::FlagCodes => "Codes",
        Text::FlagAutomaticTopUp => "Automatic top-up (not available with PayPal orders)",
        Text::FlagSignUp => "Sign-up",
        Text::FlagShareLinks => "Shared links",
        Text::FlagApiKeys => "API keys",
        Text::FlagV1 => "API under /v1",
        Text::FlagChatProvider => "Chat provider {name}",
        Text::FlagImageProvider => "Image provider {name}",
        Text::FlagOn => "On",
        Text::FlagOff => "Off",
        Text::FlagByRole => "By role",
        Text::FlagByPercent => "By percentage",
        Text::FlagState => "State",
        Text::FlagPercent => "Percentage of users",
        Text::FlagPercentHint => {
            "0 to 100, with at most two decimals. When it grows, everyone included so far stays included; visitors are left out below 100."
        }
        Text::FlagErrorPercent => "Switch off when this share of attempts fails (%)",
        Text::FlagErrorHint => "Out of at least 20 in the last 10 minutes. Empty: never.",
        Text::FlagSpend => "Switch off when 10 minutes cost this much (US$)",
        Text::FlagCap => "Cap per day, UTC (US$)",
        Text::FlagCapHint => "At the cap, the next provider answers until midnight UTC. Empty: no cap.",
        Text::FlagForAll => "For everyone",
        Text::FlagForNobody => "For no one",
        Text::FlagForShare => "About {percent} of 100 users",
        Text::FlagForRoles => "For {roles}",
        Text::FlagChangedBy => "Changed by {who}",
        Text::FlagNeverChanged => "Never changed",
        Text::FlagStale => "Unchanged for 90 days",
        Text::FlagStaleHint => "It has been on for everybody, or off, for 90 days, so it may no longer be needed.",
        Text::FlagSafeguardAt => "Switches itself off at {limits}.",
        Text::FlagErrorsOf => "{percent}% failed attempts",
        Text::FlagSpendOf => "{cost} in 10 minutes",
        Text::FlagSpentToday => "{cost} of {cap} today",
        Text::FlagCapNear => "Near its cap",
        Text::FlagCapReached => "Cap reached",
        Text::FlagTripped => "Switched off by its safeguard",
        Text::ChangeFlag => "Change",
        Text::FlagEdit => "Change {name}",
        Text::FlagAsk => "Set {name} to “{setting}”?",
        Text::FlagChangedMeanwhile => "It was changed in the meantime. Review it, then try again.",
        Text::FlagIsForVisitors => "This can only be on or off: visitors have no role and can’t be counted in percent.",
        Text::FlagNeedsRoles => "Choose at least one role.",
        Text::FlagPercentWrong => "The percentage is a number from 0 to 100 with at most two decimals.",
        Text::FlagErrorWrong => "The share of failed attempts is a whole number from 1 to 100.",
        Text::FlagMoneyWrong => "Enter an amount in US dollars above 0 with at most six decimals, or leave it empty.",
        Text::FlagIsNotMeasured => "Only chat, images and providers have attempts that a safeguard can measure.",
        Text::OnlyProvidersHaveCaps => "Only providers have a daily cap.",
        Text::AnnouncementTitle => "Announcement",
        Text::AnnouncementExplained => "A line below the header of every page. Empty: none.",
        Text::AnnouncementEn => "Text in English",
        Text::AnnouncementZh => "Text in Chinese",
        Text::AnnouncementZhHint => "If empty, everybody sees the English text.",
        Text::AnnouncementKindLabel => "Kind",
        Text::AnnouncementInfo => "Information",
        Text::AnnouncementWarning => "Warning",
        Text::AnnouncementFrom => "From (UTC)",
        Text::AnnouncementUntil => "Until (UTC)",
        Text::AnnouncementTimeHint => "Such as 2026-11-29T08:00Z. Empty: no limit.",
        Text::AnnouncementDismissible => "People can close it",
        Text::AnnouncementAsk => "Show this on every page?",
        Text::AnnouncementAskNone => "Stop showing the announcement?",
        Text::AnnouncementTooLong => "The text can have up to {most} characters.",
        Text::AnnouncementNeedsEnglish => "Write the English text too: it is shown where there is no other.",
        Text::AnnouncementTimes => "It has to begin before it ends.",
        Text::AuditFlagChanged => "Changed a flag",
        Text::AuditAnnouncementChanged => "Changed the announcement",
        Text::AuditGoodwillGiven => "Gave credits back",
        Text::AuditRefundOrdered => "Refunded a purchase",
        Text::AuditLogLevelChanged => "Changed the log level",
        Text::Traces => "Traces",
        Text::TracesExplained => {
            "Every response has its request ID in the header X-Request-Id, and every error shows it. Traces of requests that spend, sign in or pay are kept for 14 days. They contain nothing that users wrote."
        }
        Text::RequestId => "Request ID",
        Text::NoSuchTrace => "Nothing is known about this request.",
        Text::TraceIsGone => "The trace has expired, or wasn’t kept.",
        Text::NothingWasHeld => "No credits were held for this request.",
        Text::MoneyOfWork => "Held {held}, charged {charged}, released {released}, open {open}.",
        Text::StillOpen => "Still open",
        Text::NothingOpen => "Nothing left open",
        Text::GoodwillWasGiven => "Given back as goodwill: {credits}.",
        Text::AnswerNotKept => {
            "This request was answered and charged, but its answer is no longer kept. Send it with a new Idempotency-Key."
        }
        Text::NothingWasChargedFor => "Nothing was charged for this request.",
        Text::GiveGoodwill => "Give back",
        Text::AskGoodwill => "Give {credits} back to {email}? Reason: {reason}",
        Text::Timeline => "Timeline",
        Text::StepCaller => "Caller identified",
        Text::StepLimit => "Rate limit",
        Text::StepCache => "Response cache",
        Text::StepHold => "Hold",
        Text::StepExtend => "Hold extended",
        Text::StepAttempt => "Provider request",
        Text::StepSettle => "Settled",
        Text::StepRelease => "Released",
        Text::StepPayment => "Payment",
        Text::StepResponse => "Response",
        Text::StepTime => "at {at} ms",
        Text::StepTimes => "at {at} ms, took {took} ms",
        Text::StepsCut => "{count} more steps were not kept.",
        Text::AttemptProvider => "Provider",
        Text::AttemptModel => "Model",
        Text::AttemptOutcome => "Outcome",
        Text::AttemptTokens => "Tokens in / out",
        Text::AttemptTime => "Duration",
        Text::LedgerOfRequest => "Ledger entries of this request",
        Text::RefundPurchase => "Refund",
        Text::AskRefund => "Refund {money} to {email} and take back {credits}?",
        Text::Operations => "Operations",
        Text::LogLevel => "Log level",
        Text::LogLevelExplained => {
            "For this server only; others keep theirs. When the time is up, or the server restarts, RUST_LOG applies again. Secrets and messages are never logged, at any level."
        }
        Text::LogNow => "Now:",
        Text::LogUntil => "until",
        Text::LogConfigured => "RUST_LOG: {filter}",
        Text::LogFilter => "Filter, such as info,tessera=debug",
        Text::LogMinutes => "Minutes (1 to 1440)",
        Text::SetLogLevel => "Set level",
        Text::EndLogLevel => "Back to RUST_LOG",
        Text::AuditBudgetsSet => "Budgets set",
        Text::AuditPasswordChanged => "Password changed",
        Text::AuditEmailChanged => "Address changed",
        Text::AuditUserExported => "Data exported",
        Text::AuditUserErased => "Account erased",
        Text::AuditCodesEnded => "Ended codes",
        Text::SetByAdmin => "Set by an admin",
        Text::BudgetOfAdmin => "An admin set this budget: only admins can change it.",
        Text::TypeTheirAddress => "Type the user’s email address.",
        Text::EraseUser => "Erase…",
        Text::ExportUser => "Export…",
        Text::AskEraseUser => {
            "Erase everything that belongs to {email}? They are signed out at once, and all their data is deleted for good, including remaining credits. Type their address to confirm."
        }
        Text::AskExportUser => {
            "Create an archive of all data of {email}, including their conversations? Only do this if they asked for it; it is recorded in the audit log."
        }
        Text::AskSetBudget => "Let {email} spend at most {credits} {period}?",
        Text::AskRemoveBudget => "Remove the budget that admins set for {email}?",
        Text::ExportOfUser => "Export of this user",
        Text::ExportIsMade => "It is being created.",
        Text::ExportIsReady => "Download the archive",
        Text::ExportHasFailed => "It failed. Start it again.",
        Text::TheirEmail => "Their email address",
        Text::Reconciliation => "Reconciliation",
        Text::ReconciliationExplained => {
            "Checks every hour that all books agree. It changes nothing: what disagrees is listed here, with how to fix it."
        }
        Text::ReconciliationRuns => "The books are already being checked.",
        Text::CheckNow => "Check now",
        Text::CheckRunning => "The books are being checked. Reload this page in a moment.",
        Text::NeverChecked => "The books have not been checked yet.",
        Text::BooksAgree => "All books agree.",
        Text::BooksDisagree => "{count} thing doesn’t agree.|{count} things don’t agree.",
        Text::CheckedAt => "Checked",
        Text::LookedAt => "What was checked",
        Text::CountAccounts => "Accounts",
        Text::CountEntries => "Ledger entries",
        Text::CountPayments => "Payments",
        Text::CountPapers => "Receipts and credit notes",
        Text::CountOpenHolds => "Accounts with held credits",
        Text::CountFiles => "Files in storage",
        Text::CountImages => "Images checked",
        Text::EarlierChecks => "Earlier checks",
        Text::DriftCount => "Disagreements",
        Text::OnlySoManyShown => "Only the first {count} are shown.",
        Text::ToMend => "How to fix it",
        Text::DriftAccount => "An account does not agree with its ledger, lots or holds",
        Text::DriftPurchases => "The purchases in a ledger don’t match the credited payments",
        Text::DriftCapture => "A payment arrived, but its credits are not in the ledger",
        Text::DriftPaperNumber => "A receipt or credit note number is missing",
        Text::DriftStuckHold => "Credits are held for work that has ended",
        Text::DriftOrphanFile => "A file in storage belongs to no image",
        Text::DriftMissingFile => "The file of an image is missing",
        Text::DriftClose => "A daily close has been altered",
        Text::MendAccount => {
            "Disable the account so that nothing moves, then compare it with the output of the command. The ledger decides. Either something besides Tessera wrote to the database, or there is a defect: restore the last backup whose audit is clean, or report both."
        }
        Text::MendPurchases => {
            "Compare the purchases on the user’s page with PayPal’s activity. Open payments are booked automatically within five minutes. If something stays missing, give the credits on the user’s page, with the capture as the reason."
        }
        Text::MendCapture => {
            "This is retried automatically every five minutes. If it persists, check that PayPal can be reached, and search the log for the payment’s ID."
        }
        Text::MendPaperNumber => {
            "Tessera never deletes papers: restore them from a backup, and tell your accountant. A number is never used again."
        }
        Text::MendStuckHold => {
            "It ends automatically once a server sweeps. If it persists, look at the server’s tasks in /readyz, and restart the server."
        }
        Text::MendOrphanFile => {
            "It is deleted automatically within six hours, unless there are more such files than images: then the storage belongs to another installation, or the database is old."
        }
        Text::MendMissingFile => {
            "Put the file back from a backup of the storage. If there is none, the user can delete the image; give them its credits on their page."
        }
        Text::MendClose => {
            "Somebody changed the database. Compare the close with earlier CSV downloads and with backups."
        }
        Text::DailyCloses => "Daily closes",
        Text::ClosesExplained => {
            "The books of each day in UTC, made once and never changed. Each contains the hash of the one before."
        }
        Text::CloseDay => "Day",
        Text::ClosingBalance => "Closing balance",
        Text::CloseMoved => "Change",
        Text::CloseMoney => "Money",
        Text::CloseCost => "Provider costs",
        Text::CloseLate => "Late entries",
        Text::CloseAgrees => "Agrees",
        Text::CloseDiffers => "Does not agree",
    }
}
