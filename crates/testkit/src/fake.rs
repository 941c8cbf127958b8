//! A provider on a loopback port that counts what it bills and misbehaves on command.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::response::Response;
use axum::routing::any;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

mod anthropic;
mod batches;
mod bedrock;
mod behaviour;
mod bill;
mod cohere;
mod compatible;
mod control;
mod entra;
mod gemini;
mod openai;
mod pieces;
mod replicate;
mod stored;
mod vertex;

pub use batches::BatchEnd;
pub use behaviour::{Answer, Behaviour, Billing, Fault, RetryAfter, UsageReport};
pub use bill::{Bill, Prices};
use pieces::Reply;

/// The key that a fake provider accepts unless told otherwise.
const KEY: &str = "sk-fake-upstream-key";
/// Larger than any body a gateway should let through.
const BODY_LIMIT_BYTES: usize = 64 << 20;

/// Which provider is being played.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// OpenAI and everything that speaks its dialect.
    OpenAi,
    /// Anthropic.
    Anthropic,
    /// Azure OpenAI, in both forms of its API.
    Azure,
    /// Together AI.
    Together,
    /// The router of Hugging Face.
    HuggingFace,
    /// AI21 Studio.
    Ai21,
    /// Cohere.
    Cohere,
    /// Google's Gemini API.
    Google,
    /// Gemini on Vertex AI.
    Vertex,
    /// Amazon Bedrock.
    Bedrock,
    /// Replicate.
    Replicate,
}

impl Shape {
    /// All of them, by the word that the process takes.
    pub const ALL: [(&'static str, Shape); 11] = [
        ("openai", Shape::OpenAi),
        ("anthropic", Shape::Anthropic),
        ("azure_openai", Shape::Azure),
        ("together", Shape::Together),
        ("huggingface", Shape::HuggingFace),
        ("ai21", Shape::Ai21),
        ("cohere", Shape::Cohere),
        ("google", Shape::Google),
        ("vertex", Shape::Vertex),
        ("aws_bedrock", Shape::Bedrock),
        ("replicate", Shape::Replicate),
    ];
}

/// A request exactly as it arrived.
#[derive(Debug, Clone)]
pub struct SeenRequest {
    /// `POST` or another.
    pub method: String,
    /// The path with its query.
    pub path: String,
    /// Names in lower case, in order of arrival.
    pub headers: Vec<(String, String)>,
    /// The body, byte for byte.
    pub body: Bytes,
}

impl SeenRequest {
    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

/// What the fake remembers.
#[derive(Default)]
struct Book {
    key: String,
    prices: Prices,
    standing: Behaviour,
    next: std::collections::VecDeque<Behaviour>,
    requests: Vec<SeenRequest>,
    bills: Vec<Bill>,
    /// Of OpenAI and Anthropic: what accounts keep there.
    stored: stored::Stored,
    /// Of Vertex AI: who may ask for tokens.
    account: Option<vertex::Account>,
    /// Of Azure: who may ask for tokens.
    application: Option<entra::Application>,
    /// Of AWS: the credentials of roles that were given out.
    sts: bedrock::Sts,
    /// Of Replicate: what was created.
    predictions: Vec<replicate::Prediction>,
    /// What time it is in seconds at AWS, if not that of the machine.
    time: Option<i64>,
}

impl Book {
    fn end_batches(&mut self, end: &BatchEnd) {
        let bills = self.stored.end_batches(end, self.prices);
        self.bills.extend(bills);
    }
}

/// The part shared with requests under way.
struct Shared {
    shape: Shape,
    book: Mutex<Book>,
}

impl Shared {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A running fake provider; it stops when dropped.
pub struct FakeUpstream {
    address: SocketAddr,
    shared: Arc<Shared>,
    server: JoinHandle<()>,
}

impl FakeUpstream {
    /// Starts on a free loopback port.
    ///
    /// # Errors
    /// If no port can be bound.
    pub async fn start(shape: Shape) -> std::io::Result<Self> {
        Self::start_at(shape, SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    /// Starts on a given address.
    ///
    /// # Errors
    /// If the address cannot be bound.
    pub async fn start_at(shape: Shape, address: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let account = match shape {
            Shape::Vertex => Some(vertex::Account::new(&format!("http://{address}"))?),
            _ => None,
        };
        let application = match shape {
            Shape::Azure => Some(entra::Application::new(&format!("http://{address}"))),
            _ => None,
        };
        let own_key = match shape {
            Shape::Bedrock => bedrock::KEY,
            _ => KEY,
        };
        let key = account.as_ref().map(|account| account.key_file.clone());
        let book = Mutex::new(Book {
            key: key.unwrap_or_else(|| own_key.to_owned()),
            account,
            application,
            ..Book::default()
        });
        let shared = Arc::new(Shared { shape, book });
        let router = Router::new()
            .nest("/_fake", control::router())
            .fallback(any(answer))
            .layer(DefaultBodyLimit::max(BODY_LIMIT_BYTES))
            .with_state(shared.clone());
        let server = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Ok(FakeUpstream {
            address,
            shared,
            server,
        })
    }

    /// Where it listens.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base URL as the provider's own SDK takes it.
    pub fn base_url(&self) -> String {
        match self.shared.shape {
            Shape::OpenAi | Shape::Together | Shape::HuggingFace => {
                format!("http://{}/v1", self.address)
            }
            Shape::Anthropic
            | Shape::Azure
            | Shape::Cohere
            | Shape::Vertex
            | Shape::Bedrock
            | Shape::Replicate => {
                format!("http://{}", self.address)
            }
            Shape::Ai21 => format!("http://{}/studio/v1", self.address),
            Shape::Google => format!("http://{}/v1beta", self.address),
        }
    }

    /// The key it accepts.
    pub fn key(&self) -> String {
        self.shared.book().key.clone()
    }

    /// Accepts this key from now on, and no other.
    pub fn set_key(&self, key: &str) {
        self.shared.book().key = key.to_owned();
    }

    /// Of Azure: an application of Entra ID, which may use it as well as the key.
    pub fn application(&self) -> Option<String> {
        let book = self.shared.book();
        book.application
            .as_ref()
            .map(|application| application.key.clone())
    }

    /// Tells the token endpoint what time it is; unless told it looks at the machine's clock.
    pub fn set_time(&self, seconds: i64) {
        let mut book = self.shared.book();
        book.time = Some(seconds);
        if let Some(account) = &mut book.account {
            account.time = Some(seconds);
        }
        if let Some(application) = &mut book.application {
            application.time = Some(seconds);
        }
    }

    /// Makes the tokens worthless that were given out.
    pub fn revoke_tokens(&self) {
        let mut book = self.shared.book();
        book.sts.revoke();
        if let Some(account) = &mut book.account {
            account.revoke();
        }
        if let Some(application) = &mut book.application {
            application.revoke();
        }
    }

    /// What a token costs here.
    pub fn set_prices(&self, prices: Prices) {
        self.shared.book().prices = prices;
    }

    /// How it behaves from now on.
    pub fn behave(&self, behaviour: Behaviour) {
        self.shared.book().standing = behaviour;
    }

    /// How it behaves once, before it returns to its standing behaviour; calls queue up.
    pub fn behave_once(&self, behaviour: Behaviour) {
        self.shared.book().next.push_back(behaviour);
    }

    /// Ends all batches that are under way.
    pub fn end_batches(&self, end: &BatchEnd) {
        self.shared.book().end_batches(end);
    }

    /// Everything that arrived so far.
    pub fn requests(&self) -> Vec<SeenRequest> {
        self.shared.book().requests.clone()
    }

    /// Everything that was billed so far, calls under way included.
    pub fn bills(&self) -> Vec<Bill> {
        self.shared.book().bills.clone()
    }

    /// The sum of all bills in nano-dollars.
    pub fn billed_nanos(&self) -> i64 {
        self.shared.book().bills.iter().map(|bill| bill.nanos).sum()
    }
}

impl Drop for FakeUpstream {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// Keeps the request, decides how to behave, and answers.
async fn answer(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, BODY_LIMIT_BYTES).await else {
        return Reply::status(400, serde_json::json!({"error": "unreadable body"}))
            .into_response(None);
    };
    let seen = SeenRequest {
        method: parts.method.to_string(),
        path: parts.uri.to_string(),
        headers: parts
            .headers
            .iter()
            .map(|(name, value)| {
                (
                    name.to_string(),
                    String::from_utf8_lossy(value.as_bytes()).into(),
                )
            })
            .collect(),
        body: body.clone(),
    };
    let (behaviour, key) = {
        let mut book = shared.book();
        book.requests.push(seen.clone());
        if let Some(account) = book.account.as_mut().filter(|_| seen.path == "/token") {
            return account.exchange(&seen).into_response(None);
        }
        let mut application = book.application.as_mut();
        if let Some(application) = application.take_if(|_| entra::Application::is_asked(&seen)) {
            return application.exchange(&seen).into_response(None);
        }
        if shared.shape == Shape::Bedrock && seen.path == "/" {
            let (key, now) = (book.key.clone(), book.time.unwrap_or_else(vertex::seconds));
            return book.sts.assume(&seen, &key, now).into_response(None);
        }
        // A prediction behaves as it was created, however often it is asked for.
        let begins = shared.shape != Shape::Replicate || replicate::creates(&seen);
        let next = begins.then(|| book.next.pop_front()).flatten();
        let behaviour = next.unwrap_or_else(|| book.standing.clone());
        (behaviour, book.key.clone())
    };
    if let Some(response) = kept(&shared, &seen, &key, &behaviour) {
        pieces::pause(behaviour.first_byte_delay_ms).await;
        return response;
    }
    let mut behaviour = behaviour;
    let reply = match shared.shape {
        Shape::Replicate => {
            let at = seen.header("host").unwrap_or_default().to_owned();
            let mut book = shared.book();
            let reply = replicate::reply(&seen, &mut book, &behaviour, &at);
            behaviour = replicate::behaves(&seen, &book);
            reply
        }
        Shape::OpenAi => openai::reply(&seen, &key, &behaviour),
        Shape::Anthropic => anthropic::reply(&seen, &key, &behaviour),
        Shape::Cohere => cohere::reply(&seen, &key, &behaviour),
        Shape::Google => gemini::reply(&seen, &key, &behaviour),
        Shape::Bedrock => {
            let book = shared.book();
            let now = book.time.unwrap_or_else(vertex::seconds);
            let key = book.sts.key_of(&seen, &key, now);
            drop(book);
            bedrock::reply(&seen, &key, now, &behaviour)
        }
        Shape::Vertex => match &shared.book().account {
            Some(account) => account.reply(&seen, &behaviour),
            None => gemini::error(500, "there is no service account", &[]),
        },
        Shape::Azure => {
            let book = shared.book();
            let token = book.application.as_ref();
            let admitted = token.is_some_and(|application| application.admits(&seen));
            compatible::reply(Shape::Azure, &seen, &key, admitted, &behaviour)
        }
        shape => compatible::reply(shape, &seen, &key, false, &behaviour),
    };
    let meter = reply
        .work
        .map(|work| bill::Meter::open(shared.clone(), work, &behaviour));
    pieces::pause(behaviour.first_byte_delay_ms).await;
    reply.into_response(meter.map(|meter| (meter, behaviour)))
}

/// The answer to what is about things that the provider keeps.
fn kept(
    shared: &Arc<Shared>,
    seen: &SeenRequest,
    key: &str,
    behaviour: &Behaviour,
) -> Option<Response> {
    let mut book = shared.book();
    let reply = book.stored.reply(shared.shape, seen, key, behaviour)?;
    drop(book);
    let free = bill::Work {
        input: 0,
        cached: 0,
        output: 0,
    };
    // Only a body whose faults act can break.
    let breaks = matches!(behaviour.fault, Fault::CutAt(_) | Fault::SilentAfter(_));
    let meter = breaks.then(|| bill::Meter::open(shared.clone(), free, behaviour));
    Some(reply.into_response(meter.map(|meter| (meter, behaviour.clone()))))
}
