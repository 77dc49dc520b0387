//! Owns what an answer of the exchange means for whoever asked (protocol §6.3, §7); knows neither requests nor time.

use serde::Deserialize;

use crate::http::Answer;

/// What to do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The answer, as asked for.
    Done(String),
    /// Too many requests: silence for so many seconds, then the same again.
    Limited {
        /// As the exchange states it; `None` when it does not.
        retry_after_s: Option<u64>,
    },
    /// The address is banned: silence until then, then the same again.
    Banned {
        /// As the exchange states it.
        retry_after_s: Option<u64>,
        /// ms since the epoch, from the message's text.
        until_ms: Option<i64>,
    },
    /// The time stamp was refused: measure the clock, then the same again.
    Clock,
    /// Nothing is known about what became of it, or it failed for a reason that passes.
    Unclear(String),
    /// The key is not accepted. Nothing can be done with it.
    Denied {
        /// The exchange's code.
        code: i64,
        /// The exchange's words.
        msg: String,
    },
    /// Refused for good.
    Refused {
        /// The exchange's code.
        code: i64,
        /// The exchange's words.
        msg: String,
    },
}

/// `{"code":…,"msg":…}`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct ErrorBody {
    /// Negative; 200 in some answers that mean success.
    pub code: i64,
    /// Words.
    #[serde(default)]
    pub msg: String,
}

/// The error in a body that is one.
#[must_use]
pub fn error_of(body: &str) -> Option<ErrorBody> {
    serde_json::from_str(body)
        .ok()
        .filter(|error: &ErrorBody| error.code < 0)
}

/// `IP banned until 1566818724722` in the exchange's words, ms since the epoch.
fn banned_until_ms(msg: &str) -> Option<i64> {
    let (_, rest) = msg.split_once("banned until ")?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// Longest piece of a strange body that is shown.
const SHOWN_CHARS_MAX: usize = 80;

/// What `answer` means.
#[must_use]
pub fn judge(answer: Answer) -> Verdict {
    let error = error_of(&answer.body);
    let (code, msg) = match &error {
        Some(error) => (error.code, error.msg.clone()),
        None => (0, String::new()),
    };
    let retry_after_s = answer.retry_after_s;
    let until_ms = banned_until_ms(&msg);
    let shown = || match code {
        0 => {
            let start: String = answer.body.chars().take(SHOWN_CHARS_MAX).collect();
            format!("HTTP {}: {}", answer.status, start.trim())
        }
        _ => format!("HTTP {} {code}: {msg}", answer.status),
    };
    if answer.status == 418 || until_ms.is_some() {
        return Verdict::Banned {
            retry_after_s,
            until_ms,
        };
    }
    if answer.status == 429 || matches!(code, -1003 | -1015) {
        return Verdict::Limited { retry_after_s };
    }
    match code {
        -1021 => Verdict::Clock,
        -1002 | -1022 | -2014 | -2015 | -2017 => Verdict::Denied { code, msg },
        // States that pass, or outcomes that the exchange does not know itself.
        -1000 | -1001 | -1006 | -1007 | -1008 | -1016 | -5028 => Verdict::Unclear(shown()),
        _ if answer.status >= 500 || matches!(answer.status, 403 | 408) => {
            Verdict::Unclear(shown())
        }
        0 if (200..300).contains(&answer.status) => Verdict::Done(answer.body),
        // A gateway's page, not the exchange's word.
        0 => Verdict::Unclear(shown()),
        _ => Verdict::Refused { code, msg },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(status: u16, retry_after_s: Option<u64>, body: &str) -> Verdict {
        judge(Answer {
            status,
            retry_after_s,
            body: body.to_owned(),
        })
    }

    #[test]
    fn each_answer_has_one_meaning() {
        let limited = |retry_after_s| Verdict::Limited { retry_after_s };
        let banned = |retry_after_s, until_ms| Verdict::Banned {
            retry_after_s,
            until_ms,
        };
        let table = [
            (200, None, "[]", Verdict::Done("[]".into())),
            (
                200,
                None,
                r#"{"code":200,"msg":"success"}"#,
                Verdict::Done(r#"{"code":200,"msg":"success"}"#.into()),
            ),
            (
                429,
                Some(7),
                r#"{"code":-1003,"msg":"x"}"#,
                limited(Some(7)),
            ),
            (429, None, "<html>", limited(None)),
            (400, None, r#"{"code":-1015,"msg":"x"}"#, limited(None)),
            (
                418,
                Some(120),
                r#"{"code":-1003,"msg":"Way too many requests; IP banned until 1566818724722."}"#,
                banned(Some(120), Some(1_566_818_724_722)),
            ),
            (418, None, "", banned(None, None)),
            (
                429,
                None,
                r#"{"code":-1003,"msg":"IP banned until 5."}"#,
                banned(None, Some(5)),
            ),
            (400, None, r#"{"code":-1021,"msg":"x"}"#, Verdict::Clock),
            (
                400,
                None,
                r#"{"code":-2011,"msg":"Unknown order sent."}"#,
                Verdict::Refused {
                    code: -2011,
                    msg: "Unknown order sent.".into(),
                },
            ),
            (
                401,
                None,
                r#"{"code":-2015,"msg":"Invalid API-key"}"#,
                Verdict::Denied {
                    code: -2015,
                    msg: "Invalid API-key".into(),
                },
            ),
        ];
        for (status, retry_after_s, body, verdict) in table {
            assert_eq!(
                check(status, retry_after_s, body),
                verdict,
                "{status} {body}"
            );
        }
    }

    #[test]
    fn what_may_have_been_carried_out_is_never_a_failure() {
        for (status, body) in [
            (
                503,
                "Unknown error, please check your request or try again later.",
            ),
            (503, r#"{"code":-1008,"msg":"throttled"}"#),
            (408, r#"{"code":-1007,"msg":"Timeout"}"#),
            (400, r#"{"code":-1001,"msg":"Internal error"}"#),
            (400, r#"{"code":-1006,"msg":"Unexpected response"}"#),
            (502, "<html>bad gateway</html>"),
            (403, "<html>WAF</html>"),
            (302, "<html>captive portal</html>"),
        ] {
            assert!(
                matches!(check(status, None, body), Verdict::Unclear(_)),
                "{status} {body}"
            );
        }
    }
}
