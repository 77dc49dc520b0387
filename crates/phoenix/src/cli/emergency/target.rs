//! Owns where an emergency command acts, from flags first and the configuration second; a file that is missing or broken is done without.

use std::path::{Path, PathBuf};
use std::time::Duration;

use phoenix_watchdog::emergency::cancel::{Scope, Whose};
use phoenix_watchdog::venue::Venue;

use super::Options;
use crate::cli::output::say;
use crate::cli::outside;
use crate::cli::run::VenueName;
use crate::config::{self, Config, GlobalConfig};
use crate::lock::{Standing, standing};
use crate::secrets::{self, Sources};

/// The file that is looked for where none is named.
const USUAL_FILE: &str = "phoenix.yaml";
/// State folder and kill file where no configuration tells others: the key table's defaults.
const USUAL_STATE_DIR: &str = "./data";
const USUAL_KILL_FILE: &str = "KILL";
const RECV_WINDOW: Duration = Duration::from_secs(5);

/// Where and on what an emergency command acts.
pub(super) struct Target {
    pub venue: Venue,
    pub venue_name: &'static str,
    pub rest_url: String,
    pub whose: Whose,
    /// Symbols of the configuration, if there is one.
    pub configured: Vec<String>,
    pub state_dir: Option<PathBuf>,
    pub kill_file: Option<PathBuf>,
    pub running: Standing,
}

/// What a configuration tells, or what stands in for it.
struct Known {
    global: Option<GlobalConfig>,
    symbols: Vec<String>,
}

/// Finds venue, key, state folder and names.
///
/// # Errors
/// A sentence for the operator: what is missing and how to give it.
pub(super) fn find(options: &Options) -> Result<Target, String> {
    let known = load(options.config.as_deref());
    let global = known.global.as_ref();
    let venue = venue_of(options.venue, options.rest_url.is_some(), global)?;
    // The file's address belongs to the file's venue.
    let of_file = global.filter(|g| g.venue == venue);
    let given = options
        .rest_url
        .as_deref()
        .or_else(|| of_file.and_then(|g| g.rest_url.as_deref()));
    let rest_url = outside::rest_url(venue, given)?;
    let credentials_file = options.credentials_file.as_deref();
    let credentials = secrets::load_from(&Sources {
        env: &|name| std::env::var_os(name),
        private_key_file: global.and_then(|g| g.private_key_file.as_deref()),
        credentials_file: credentials_file
            .or_else(|| global.and_then(|g| g.credentials_file.as_deref())),
    })
    .map_err(|error| error.to_string())?;
    let fingerprint = credentials.fingerprint();
    let state_dir = state_dir(options.state_dir.as_deref(), global);
    let running = match &state_dir {
        Some(folder) => standing(folder, &fingerprint),
        None => Standing::Unknown("no state folder".to_owned()),
    };
    let kill_name = global.map_or(USUAL_KILL_FILE, |g| g.kill_file.as_str());
    let kill_file = state_dir
        .as_ref()
        .filter(|_| !kill_name.is_empty())
        .map(|folder| folder.join(kill_name));
    let key = outside::key_of(credentials).map_err(|error| error.to_string())?;
    let recv_window = global.map_or(RECV_WINDOW, |g| g.recv_window);
    let mut venue_client = outside::venue(&rest_url, key, recv_window);
    venue_client.on_note(|note| say(&format!("{note}")));
    Ok(Target {
        venue: venue_client,
        venue_name: venue.word(),
        rest_url,
        whose: whose(options, state_dir.as_deref())?,
        configured: known.symbols,
        state_dir,
        kill_file,
        running,
    })
}

fn load(named: Option<&Path>) -> Known {
    let nothing = Known {
        global: None,
        symbols: Vec::new(),
    };
    let usual = Path::new(USUAL_FILE);
    let file = match named {
        Some(file) => file,
        None if usual.exists() => usual,
        None => {
            say(&format!(
                "no configuration ({USUAL_FILE} is not here, -c FILE is not given): flags and environment only"
            ));
            return nothing;
        }
    };
    match Config::load(file) {
        Ok(loaded) => Known {
            symbols: loaded
                .config
                .symbols
                .iter()
                .map(|s| s.symbol.clone())
                .collect(),
            global: Some(loaded.config.global),
        },
        Err(rejected) => {
            for issue in &rejected.errors {
                say(&format!("configuration: {issue}"));
            }
            say(&format!(
                "{} cannot be used: going on with flags and environment only",
                file.display()
            ));
            nothing
        }
    }
}

fn venue_of(
    flag: Option<VenueName>,
    has_address: bool,
    global: Option<&GlobalConfig>,
) -> Result<config::Venue, String> {
    match (flag, global) {
        (Some(VenueName::Local), _) => Ok(config::Venue::Local),
        (Some(VenueName::Testnet), _) => Ok(config::Venue::Testnet),
        (Some(VenueName::Live), _) => Ok(config::Venue::Live),
        (None, Some(global)) => Ok(global.venue),
        (None, None) if has_address => Ok(config::Venue::Local),
        (None, None) => Err(
            "without a configuration the venue must be given: --venue live, --venue testnet, or --rest-url URL"
                .to_owned(),
        ),
    }
}

fn state_dir(flag: Option<&Path>, global: Option<&GlobalConfig>) -> Option<PathBuf> {
    let named = flag.or_else(|| global.map(|g| g.state_dir.as_path()));
    let folder = named.unwrap_or(Path::new(USUAL_STATE_DIR));
    folder.is_dir().then(|| folder.to_owned())
}

fn whose(options: &Options, state_dir: Option<&Path>) -> Result<Whose, String> {
    let instance = match &options.instance {
        Some(name) if crate::binance::client_id::ClientIds::new(name).is_err() => {
            return Err(format!(
                "--instance {name}: {}",
                crate::binance::client_id::InstanceError
            ));
        }
        Some(name) => Some(name.clone()),
        None => state_dir.and_then(outside::instance_of),
    };
    let scope = match (options.all_orders, options.any_instance) {
        (true, _) => Scope::AllOrders,
        (false, true) => Scope::AnyInstance,
        (false, false) if instance.is_none() => {
            say(
                "the name of this installation is not known (no state folder, no --instance): \
                 orders of any Phoenix on this account count as ours",
            );
            Scope::AnyInstance
        }
        (false, false) => Scope::Ours,
    };
    Ok(Whose {
        prefix: instance.map(|name| outside::id_prefix(&name)),
        scope,
    })
}

impl Target {
    /// Says where this acts, before anything is done.
    pub(super) fn tell(&self) {
        say(&format!("venue {} at {}", self.venue_name, self.rest_url));
        match (&self.running, &self.state_dir) {
            (Standing::Held(holder), _) => say(&format!(
                "a phoenix runs here on this account ({holder}); whether it works or hangs: phoenix health"
            )),
            (Standing::Free, Some(folder)) => say(&format!(
                "no phoenix runs here on this account, as far as {} tells; one may run on another machine",
                folder.display()
            )),
            (Standing::Unknown(why), _) => {
                say(&format!("whether a phoenix runs here is not known: {why}"));
            }
            (Standing::Free, None) => {}
        }
    }

    /// The pid of the process that runs here, as it wrote it.
    pub(super) fn pid(&self) -> Option<&str> {
        let Standing::Held(holder) = &self.running else {
            return None;
        };
        let pid = holder.strip_prefix("pid ")?.split(' ').next()?;
        pid.bytes().all(|b| b.is_ascii_digit()).then_some(pid)
    }
}
