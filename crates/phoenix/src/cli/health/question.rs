//! Asks a process how it fares, and finds out what is wrong when it does not answer as itself.

use std::time::Duration;

use bytes::Bytes;
use hyper::Method;

use super::find::{Target, severe};
use crate::health::{Health, SERVICE};
use crate::net::Endpoint;
use crate::net::http::{Answer, Call, Client, RequestError};

/// How long a process may take to answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);

/// What the kernel says of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Alive,
    /// By SIGSTOP, a terminal or a debugger.
    Stopped,
    Gone,
}

/// The answer, or what stands in its place.
pub(super) async fn ask(target: &Target) -> Health {
    if let Some(health) = not_alive(target) {
        return health;
    }
    let Some(url) = &target.url else {
        return severe(
            target,
            "unknown",
            "it runs, but says nowhere where it serves its health: it has just begun, or could not open a port",
            "look again in a few seconds; then its log: journalctl -u phoenix -n 50; what rests: phoenix emergency status {config}",
        );
    };
    match send(url).await {
        Ok(answer) => read(target, url, &answer),
        // It may have been stopped or have ended since the first look.
        Err(why) => not_alive(target).unwrap_or_else(|| silent(target, url, &why)),
    }
}

async fn send(url: &str) -> Result<Answer, String> {
    let endpoint = Endpoint::parse(url).map_err(|error| error.to_string())?;
    let client = Client::new(endpoint).map_err(|error| error.to_string())?;
    let call = Call {
        method: Method::GET,
        path_and_query: "/health",
        header: None,
        body: Bytes::new(),
        limit: ANSWER_LIMIT,
    };
    client.send(call).await.map_err(|error| match error {
        RequestError::NotSent(why) | RequestError::Unknown(why) => why.to_string(),
    })
}

fn read(target: &Target, url: &str, answer: &Answer) -> Health {
    let parsed = serde_json::from_slice::<Health>(&answer.body).ok();
    let Some(health) = parsed.filter(|health| health.service == SERVICE) else {
        return severe(
            target,
            "unknown",
            &format!(
                "another program answers at {url} (HTTP {}), not phoenix",
                answer.status.as_u16()
            ),
            "see who has the port: ss -ltnp; what rests: phoenix emergency status {config}; then restart phoenix",
        );
    };
    let is_other_pid = target.pid.is_some() && health.pid != target.pid;
    let is_other_account = target.account.is_some() && health.account != target.account;
    // A number from another namespace cannot be compared; the account can.
    if is_other_account
        || (is_other_pid && target.account.is_none())
        || (is_other_pid && is_here(health.pid))
    {
        let who = |pid: Option<u32>| pid.map_or_else(|| "?".to_owned(), |pid| pid.to_string());
        return severe(
            target,
            "unknown",
            &format!(
                "another phoenix answers at {url}: pid {} of account {}, not pid {}",
                who(health.pid),
                health.account.as_deref().unwrap_or("?"),
                who(target.pid)
            ),
            "see which one has the port: ss -ltnp; what rests: phoenix emergency status {config}",
        );
    }
    health
}

/// Alive, and yet no answer.
fn silent(target: &Target, url: &str, why: &str) -> Health {
    let pid = target
        .pid
        .map_or_else(|| "PID".to_owned(), |pid| pid.to_string());
    let text = match target.pid {
        Some(pid) => format!(
            "pid {pid} is alive and does not answer at {url}: {why}; it hangs or its port is gone"
        ),
        None => format!("nobody answers at {url}: {why}"),
    };
    let next = format!(
        "cancel from outside: phoenix emergency cancel-all {{config}}; then end it, with a core: kill -ABRT {pid}"
    );
    severe(target, "unknown", &text, &next)
}

/// What is wrong with a process that cannot answer.
fn not_alive(target: &Target) -> Option<Health> {
    let pid = target.pid?;
    match state(pid) {
        State::Alive => None,
        State::Stopped => Some(severe(
            target,
            "stopped",
            &format!(
                "pid {pid} is stopped (SIGSTOP, a terminal or a debugger): it does nothing, its orders may rest until the exchange's dead-man switch fires"
            ),
            &format!(
                "see what rests: phoenix emergency status {{config}}; let it go on: kill -CONT {pid}; or end it: kill -KILL {pid}"
            ),
        )),
        State::Gone => Some(severe(
            target,
            "absent",
            &format!("pid {pid} is gone"),
            "orders may rest, look first: phoenix emergency status {config}; then start it: phoenix run {config}",
        )),
    }
}

/// The state letter stands behind the name, which may hold blanks and brackets.
fn state(pid: u32) -> State {
    let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) else {
        return State::Gone;
    };
    let letter = stat
        .rsplit_once(')')
        .and_then(|(_, rest)| rest.trim_start().chars().next());
    match letter {
        Some('T' | 't') => State::Stopped,
        Some('Z' | 'X') => State::Gone,
        Some(_) | None => State::Alive,
    }
}

fn is_here(pid: Option<u32>) -> bool {
    pid.is_some_and(|pid| state(pid) != State::Gone)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::Status;
    use crate::health::facts::Facts;
    use hyper::{HeaderMap, StatusCode};

    fn target() -> Target {
        Target {
            url: None,
            pid: Some(std::process::id()),
            account: Some("0011".to_owned()),
            config: String::new(),
        }
    }

    fn answer(body: String) -> Answer {
        Answer {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            body: body.into(),
        }
    }

    fn answer_of(pid: u32, account: &str) -> Answer {
        let facts = Facts {
            pid,
            account: account.to_owned(),
            is_lock_ours: Some(true),
            ..Facts::default()
        };
        answer(serde_json::to_string(&crate::health::judge(&facts)).expect("JSON"))
    }

    #[test]
    fn only_the_answer_of_the_process_itself_counts() {
        let own = std::process::id();
        let parent = std::os::unix::process::parent_id();
        for (answer, status) in [
            (answer_of(own, "0011"), Status::Warning),
            (answer_of(own, "0022"), Status::Severe),
            (answer_of(parent, "0011"), Status::Severe),
            (
                answer("{\"status\":\"healthy\"}".to_owned()),
                Status::Severe,
            ),
            (answer("<html>".to_owned()), Status::Severe),
        ] {
            let health = read(&target(), "http://127.0.0.1:1", &answer);
            assert_eq!(health.status, status, "{health:?}");
        }
    }

    #[tokio::test]
    async fn where_nobody_listens_and_the_process_lives_it_is_severe() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        drop(listener);
        let target = Target {
            url: Some(format!("http://127.0.0.1:{port}")),
            ..target()
        };
        let health = ask(&target).await;
        assert_eq!(health.status, Status::Severe);
        let check = health.checks.first().expect("a check");
        assert!(
            check.text.contains("is alive and does not answer"),
            "{check:?}"
        );
    }

    #[test]
    fn this_process_is_alive_and_an_impossible_one_is_gone() {
        assert_eq!(state(std::process::id()), State::Alive);
        assert_eq!(state(u32::MAX), State::Gone);
    }
}
