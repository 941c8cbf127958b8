//! How the answer to a call that the server ran is read: what was decided and what the tool did stand
//! side by side, and amounts and output are read as they were written.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

use super::{ToolInvoked, ToolRunStatus, ToolRunView};
use crate::Dollars;

/// What stands in the answer only if the tool was run.
#[derive(Deserialize)]
struct Ran {
    status: Option<ToolRunStatus>,
    error: Option<String>,
    http_status: Option<u16>,
    #[serde(default)]
    duration_ms: f64,
    #[serde(default)]
    cost: Dollars,
    #[serde(default)]
    cost_micros: i64,
}

impl<'de> Deserialize<'de> for ToolInvoked {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let whole = Box::<RawValue>::deserialize(deserializer)?;
        read(whole.get()).map_err(D::Error::custom)
    }
}

fn read(text: &str) -> Result<ToolInvoked, serde_json::Error> {
    let ran: Ran = serde_json::from_str(text)?;
    let run = match ran.status {
        None => None,
        Some(status) => Some(ToolRunView {
            status,
            error: ran.error,
            http_status: ran.http_status,
            duration_ms: ran.duration_ms,
            cost: ran.cost,
            cost_micros: ran.cost_micros,
            inspected: serde_json::from_str(text)?,
        }),
    };
    Ok(ToolInvoked {
        decided: serde_json::from_str(text)?,
        run,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_as_it_was_written() {
        let text = "{\"decision\":\"allow\",\"reason\":\"r\",\"rules\":[],\"status\":\"success\",\
            \"duration_ms\":1.5,\"cost\":0.25,\"cost_micros\":250000,\
            \"output\":{\"n\":1.00000000000000000000000001},\"verdict\":\"allow\",\"findings\":[]}";
        let read: ToolInvoked = serde_json::from_str(text).expect("an answer");
        assert_eq!(serde_json::to_string(&read).expect("JSON"), text);
        let denied =
            "{\"decision\":\"deny\",\"code\":\"POLICY_DENIED\",\"reason\":\"r\",\"rules\":[]}";
        let read: ToolInvoked = serde_json::from_str(denied).expect("an answer");
        assert_eq!(
            (
                read.run.is_none(),
                serde_json::to_string(&read).expect("JSON").as_str()
            ),
            (true, denied)
        );
    }
}
