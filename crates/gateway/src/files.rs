//! Files, in the shapes of OpenAI and of Anthropic.
//!
//! Both have the same paths; who names the version of Anthropic's API means Anthropic's. What is
//! stored goes on while it comes, so a file takes no room here, whatever its size.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use http::request::Parts;
use iron_llm::{Dialect, FileRoute, ProviderKind};
use iron_primitives::Refusal;
use iron_runtime::call::{
    Attribution, Authenticated, CallRequest, Errand, FileErrand, Reply, Upload,
};

use crate::Gateway;
use crate::attribution::attribution;
use crate::calls::{Asked, Visit};
use crate::credential::presented;
use crate::shape_of;

/// Any method of `/v1/files` and below.
pub(crate) async fn serve(State(gateway): State<Gateway>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let environment = gateway.runtime.environment();
    let visit = Visit::new(&parts, shape_of(&parts), environment);
    let method = parts.method.as_str();
    let Some(route) = FileRoute::of(method, parts.uri.path()) else {
        return visit.reader.wrong_method(&parts.method);
    };
    let kind = match parts.headers.contains_key("anthropic-version") {
        true => ProviderKind::Anthropic,
        false => ProviderKind::OpenAi,
    };
    let errand = FileErrand {
        kind,
        route,
        query: parts.uri.query().map(str::to_owned),
        upload: None,
    };
    let answer = async {
        let authenticated = gateway
            .runtime
            .authenticate(presented(&parts.headers))
            .await?;
        let asked = Asked::from(kind.mother_tongue(Dialect::OpenAiChat));
        gateway
            .file(&visit, asked, parts, body, authenticated, errand)
            .await
    };
    match answer.await {
        Ok(reply) => visit.reader.reply(reply),
        Err(refusal) => visit.reader.refusal(&refusal),
    }
}

impl Gateway {
    /// Runs an errand of files. Only what is to be stored has a body, which nobody reads here.
    pub(crate) async fn file(
        &self,
        visit: &Visit,
        asked: Asked,
        parts: Parts,
        body: Body,
        authenticated: Authenticated,
        errand: FileErrand,
    ) -> Result<Reply, Refusal> {
        let labels = attribution(&parts.headers);
        let environment = self.runtime.environment();
        let (labels, wrong) = match labels {
            Ok(labels) => (labels, None),
            Err(refusal) => (Attribution::default(), Some(refusal)),
        };
        let request: CallRequest = visit.request(asked, parts.headers, labels, environment);
        if let Some(refusal) = wrong {
            return Err(self.runtime.refuse(authenticated, request, refusal).await);
        }
        let upload = match errand.route {
            FileRoute::Upload => {
                let config = self.intake.config();
                let limit_bytes = self.runtime.file_limit_bytes();
                Some(Upload::new(body, limit_bytes, config.body_timeout))
            }
            _ => None,
        };
        let errand = Errand::File(Box::new(FileErrand { upload, ..errand }));
        self.runtime.run(authenticated, request, errand).await
    }
}
