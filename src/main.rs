//! The program: configuration, log, state, then what was asked for. No routes, no logic.
#![recursion_limit = "256"]

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::LazyLock;

use clap::{Parser, Subcommand};
use rustix::fs::Mode;
use rustix::process::umask;
use tessera::app::codes::{self, CodesCommand};
use tessera::app::config::Config;
use tessera::app::state::AppState;
use tessera::app::stores::{Stores, build_storage};
use tessera::app::{backup, check, health, init, people, prices, serve};
use tessera::chat::server::providers::local::{PROBE_COMMAND, probe, probe_with};
use tessera::generation::Metrics;
use tessera::payments::server::papers::{csv, year_in};
use tessera::platform::db::now_millis;
use tessera::platform::memory::leave_huge_pages;
use tessera::platform::otlp;
use tessera::platform::redact::redacted;
use tessera::platform::telemetry;
use tokio::net::TcpListener;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The version, and the commit that it was built of with its date. scripts/build.sh names it in the environment of the
/// compiler, which Cargo remembers of this file alone: a build script would compile everything anew at every commit.
static VERSION: LazyLock<String> = LazyLock::new(|| {
    let commit = option_env!("TESSERA_COMMIT").filter(|commit| !commit.is_empty()).unwrap_or("of no known commit");
    format!("{} ({commit})", env!("CARGO_PKG_VERSION"))
});

/// Self-hosted AI chat with prepaid credits. Without a command it serves.
#[derive(Parser)]
#[command(name = "tessera", version = VERSION.as_str())]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Write a `.env` that explains every setting, with what is set here. One that is there is never replaced.
    Init {
        /// As often as there are settings, such as `PUBLIC_URL=https://chat.example.org`. Without any, it asks.
        #[arg(long, value_name = "NAME=VALUE")]
        set: Vec<String>,
        #[arg(long, default_value = ".env")]
        file: PathBuf,
    },
    /// Ask the server on this machine whether it is ready; exit 1 if it is not.
    Health,
    /// Read the configuration, reach everything that is configured, print a table.
    Check {
        /// Count images and their files, and find files that no image knows; looks at every file.
        #[arg(long)]
        storage: bool,
        /// Look at this backup instead: whether it is whole, and could be restored.
        #[arg(long, value_name = "FILE", conflicts_with = "storage")]
        backup: Option<PathBuf>,
    },
    /// Check every account against its ledger, and the daily closes; exit 1 on drift.
    Audit,
    /// Write all that is stored into a new file, while servers go on.
    Backup { file: PathBuf },
    /// Put a backup in the place of what is stored.
    Restore {
        file: PathBuf,
        /// Replace what is there.
        #[arg(long)]
        force: bool,
    },
    /// Load a model and say on one line why it cannot be used, if it cannot. A server does so before it loads one.
    #[command(name = PROBE_COMMAND, hide = true)]
    ProbeModel { file: PathBuf },
    /// Show what each model costs.
    Prices {
        #[command(subcommand)]
        command: Option<PricesCommand>,
    },
    /// Print the receipts and credit notes of a year as CSV, for bookkeepers.
    Papers {
        /// By default this year, where the seller is.
        year: Option<i16>,
    },
    /// Make codes that people redeem for credits.
    Codes {
        #[command(subcommand)]
        command: CodesCommand,
    },
    /// Manage admins, and who may sign in.
    Admin {
        #[command(subcommand)]
        command: AdminCommand,
    },
}

#[derive(Subcommand)]
enum PricesCommand {
    /// Compare list prices with a catalogue, that of models.dev or that of `LiteLLM`.
    Import {
        file: PathBuf,
        /// Change the list prices in the file of prices.
        #[arg(long)]
        write: bool,
        /// Whose prices are meant, as the catalogue calls them, where several sell a model.
        #[arg(long, value_name = "NAME")]
        provider: Option<String>,
    },
}

#[derive(Subcommand)]
enum AdminCommand {
    /// Make the user with this email address an admin. They have to sign in again.
    Grant { email: String },
    /// Shut the account with this email address: nobody signs in to it, its API keys stop working, and what runs is stopped.
    Disable { email: String },
    /// Open it again.
    Enable { email: String },
    /// Write everything of the user with this email address into a new ZIP file.
    Export { email: String, file: PathBuf },
    /// Erase everything of the user with this email address. They are out at once; servers do the rest, now or when one runs.
    Erase { email: String },
    /// Turn two-step sign-in off for the user with this email address, who has lost app and recovery codes. Make sure that it is them.
    TwoStepsOff { email: String },
}

fn main() -> ExitCode {
    // Before much is there: what is in a huge page already stays in it.
    leave_huge_pages();
    // Whatever is written here is nobody else's.
    umask(Mode::from_raw_mode(0o077));
    let arguments = Arguments::parse();
    if let Some(Command::ProbeModel { file }) = &arguments.command {
        return match probe(file) {
            Ok(()) => ExitCode::SUCCESS,
            Err(reason) => {
                print(&reason);
                ExitCode::FAILURE
            }
        };
    }
    if let Some(Command::Init { set, file }) = &arguments.command {
        // What is in the environment is none of its business, right or wrong.
        return write_settings(file, set).unwrap_or_else(|problem| fail(&problem));
    }
    if let Ok(program) = std::env::current_exe() {
        probe_with(program);
    }
    let config = match Config::from_environment() {
        Ok(config) => config,
        Err(problems) => return fail(&problems.join("\n")),
    };
    let log = match telemetry::start(&config.log) {
        Ok(log) => log,
        Err(error) => return fail(&format!("the log cannot be written: {error}")),
    };
    for line in &config.misspelt {
        tracing::warn!("{line}");
    }
    // Two TLS providers in one program panic at the first connection unless one is chosen.
    _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    if let Err(problem) = otlp::start(&config.otlp) {
        return fail(&problem);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&format!("the runtime cannot start: {error}")),
    };
    match runtime.block_on(run(arguments.command, config)) {
        Ok(code) => code,
        Err(problem) => {
            // The last word is what went wrong.
            log.flush();
            fail(&problem)
        }
    }
}

async fn run(command: Option<Command>, config: Config) -> Result<ExitCode, String> {
    match command {
        None => Box::pin(serve_site(config)).await,
        Some(Command::Init { set, file }) => write_settings(&file, &set),
        Some(Command::Health) => health::ask(&config).await.map(|said| done(&format!("{said}\n"))),
        Some(Command::Check { backup: Some(file), .. }) => backup::prove(&config, &file).await.map(|line| done(&line)),
        Some(Command::Check { storage, backup: None }) => {
            let (table, all_well) = check::run(&config, storage).await;
            print(&redacted(&table));
            Ok(if all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }
        Some(Command::ProbeModel { file }) => probe(&file).map(|()| ExitCode::SUCCESS),
        Some(Command::Audit) => audit(&config).await,
        Some(Command::Backup { file }) => backup::backup(&config, &file).map(|line| done(&line)),
        Some(Command::Restore { file, force }) => backup::restore(&config, &file, force).map(|line| done(&line)),
        Some(Command::Prices { command: None }) => prices::show(&config).map(|table| done(&table)),
        Some(Command::Prices { command: Some(PricesCommand::Import { file, write, provider }) }) => {
            prices::import(&config, &file, write, provider.as_deref()).map(|text| done(&text))
        }
        Some(Command::Papers { year }) => {
            let stores = Stores::open(&config).await.map_err(|error| error.to_string())?;
            let year = year.unwrap_or_else(|| year_in(&config.shop.shop().now().seller.zone(), now_millis()));
            csv(stores.papers.as_ref(), year).await.map(|text| done(&text)).map_err(|error| error.to_string())
        }
        Some(Command::Codes { command }) => codes::run(&config, command).await.map(|text| done(&text)),
        Some(Command::Admin { command }) => {
            let stores = Stores::open(&config).await.map_err(|error| error.to_string())?;
            let (email, did) = match &command {
                AdminCommand::Grant { email } => {
                    (email, people::grant(&stores, email).await.map(|()| "is an admin now"))
                }
                AdminCommand::Disable { email } => {
                    (email, people::disable(&stores, email).await.map(|()| "is disabled now"))
                }
                AdminCommand::Enable { email } => {
                    (email, people::enable(&stores, email).await.map(|()| "is enabled now"))
                }
                AdminCommand::Erase { email } => {
                    (email, people::erase(&stores, email).await.map(|()| "is out, and being erased by the servers"))
                }
                AdminCommand::Export { email, file } => return Box::pin(export(config, email, file)).await,
                AdminCommand::TwoStepsOff { email } => (
                    email,
                    people::turn_two_steps_off(&stores, email).await.map(|()| "signs in without a second step now"),
                ),
            };
            did.map(|did| done(&format!("{email} {did}.\n"))).map_err(|error| people::problem(email, &error))
        }
    }
}

fn write_settings(file: &Path, set: &[String]) -> Result<ExitCode, String> {
    init::init(file, set, std::io::stdin().lock(), std::io::stdout()).map(|line| done(&line))
}

async fn export(config: Config, email: &str, file: &Path) -> Result<ExitCode, String> {
    let state = AppState::build(config, serve::read_site_options()?).await?;
    people::export(&state, email, file).await.map(|line| done(&line))
}

async fn serve_site(config: Config) -> Result<ExitCode, String> {
    let options = serve::read_site_options()?;
    let addr = config.site.addr;
    let listener =
        TcpListener::bind(addr).await.map_err(|error| format!("SITE_ADDR: {addr} cannot be listened on: {error}"))?;
    // A port of 0 lets the system pick one.
    let addr = listener.local_addr().unwrap_or(addr);
    if let Err(problem) = check::check_site(&options) {
        tracing::error!("{problem}");
    }
    let state = AppState::build(config, options).await?;
    tracing::info!("Tessera is at http://{addr}");
    serve::run(state, listener).await;
    Ok(ExitCode::SUCCESS)
}

async fn audit(config: &Config) -> Result<ExitCode, String> {
    let stores = Stores::open(config).await.map_err(|error| error.to_string())?;
    let report = stores.credits.audit().await.map_err(|error| error.to_string())?;
    for drift in &report.drifts {
        print(&format!("account {}: {}\n", drift.owner, drift.problem));
    }
    let objects = build_storage(config)?;
    let wrong = stores.bookkeeping(objects, Metrics::default()).verify_closes().await;
    let wrong = wrong.map_err(|error| error.to_string())?;
    for problem in &wrong {
        print(&format!("{problem}\n"));
    }
    let age = |at: i64| format!(" (the oldest {} s)", (now_millis() - at) / 1000);
    let drifts = report.drifts.len() + wrong.len();
    let verdict = if drifts == 0 { "clean".to_owned() } else { format!("{drifts} drifts") };
    print(&format!(
        "{} accounts, {} entries, {} open holds{}: {verdict}\n",
        report.accounts,
        report.entries,
        report.open_holds,
        report.oldest_hold.map(age).unwrap_or_default()
    ));
    Ok(if drifts == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A command that went well.
fn done(line: &str) -> ExitCode {
    print(line);
    ExitCode::SUCCESS
}

/// The answer of a command, for people and pipes. A closed pipe is no error.
fn print(text: &str) {
    _ = std::io::stdout().write_all(text.as_bytes());
}

fn fail(problem: &str) -> ExitCode {
    _ = writeln!(
        std::io::stderr(),
        "{}",
        redacted(problem).lines().map(|line| format!("tessera: {line}")).collect::<Vec<_>>().join("\n")
    );
    ExitCode::FAILURE
}
