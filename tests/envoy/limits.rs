//! A rate-limit service that speaks Envoy's protocol (`envoy.service.ratelimit.v3`) and counts in Redis, as
//! envoyproxy/ratelimit does: calendar windows, here since the service began; what is refused counts, too.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::server::SendResponse;
use http::{HeaderMap, HeaderValue, Response};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

/// A service on 127.0.0.1 with a thread of its own. Dropping it closes its port and its connections.
#[derive(Debug)]
pub struct Limits {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

/// How the service answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// As it should.
    Well,
    /// So much later, and it has counted.
    Slow(Duration),
    /// Never.
    Silent,
    /// With the gRPC status 14, `UNAVAILABLE`.
    Unavailable,
    /// With another HTTP status.
    Status(u16),
    /// With a message of these bytes.
    Message(&'static [u8]),
}

/// What the service was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// The domain.
    pub domain: String,
    /// The entries of the one descriptor.
    pub entries: Vec<(String, String)>,
    /// How many hits.
    pub hits: u32,
    /// In which window, from 0.
    pub window: u64,
    /// Whether they were granted; `false` also when nothing was said.
    pub granted: bool,
}

#[derive(Debug)]
struct Shared {
    redis: Mutex<Store>,
    begin: Instant,
    /// By policy: limit, and window in seconds.
    limits: BTreeMap<String, (u32, u64)>,
    mood: Mutex<Mood>,
    asked: Mutex<Vec<Asked>>,
}

impl Limits {
    /// Starts it with a limit in a window of so many seconds for each policy.
    ///
    /// # Panics
    /// There is no free port.
    pub fn start(redis: SocketAddr, limits: &[(&str, u32, u64)]) -> Self {
        Self::start_at((Ipv4Addr::LOCALHOST, 0).into(), redis, limits)
    }

    /// The same at an address where one has been before.
    ///
    /// # Panics
    /// The address is taken.
    pub fn start_at(address: SocketAddr, redis: SocketAddr, limits: &[(&str, u32, u64)]) -> Self {
        let listener = std::net::TcpListener::bind(address).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared {
            redis: Mutex::new(Store::open(redis)),
            begin: Instant::now(),
            limits: limits
                .iter()
                .map(|(policy, limit, window_s)| ((*policy).to_owned(), (*limit, *window_s)))
                .collect(),
            mood: Mutex::new(Mood::Well),
            asked: Mutex::default(),
        });
        let (stop, stopped) = oneshot::channel();
        let server = shared.clone();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).unwrap();
                let accepting = async {
                    while let Ok((socket, _)) = listener.accept().await {
                        tokio::spawn(serve(socket, server.clone()));
                    }
                };
                tokio::select! {
                    () = accepting => {}
                    _ = stopped => {} // the service was dropped, and with the runtime go all connections
                }
            });
        });
        Self { address, shared, stop: Some(stop), thread: Some(thread) }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// How long it has been there.
    pub fn age(&self) -> Duration {
        self.shared.begin.elapsed()
    }

    /// Answers so from now on.
    ///
    /// # Panics
    /// The service did.
    pub fn set(&self, mood: Mood) {
        *self.shared.mood.lock().unwrap() = mood;
    }

    /// What it was asked so far.
    ///
    /// # Panics
    /// The service did.
    pub fn asked(&self) -> Vec<Asked> {
        self.shared.asked.lock().unwrap().clone()
    }
}

impl Drop for Limits {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

async fn serve(socket: TcpStream, shared: Arc<Shared>) {
    drop(socket.set_nodelay(true));
    let Ok(mut connection) = h2::server::handshake(socket).await else { return };
    while let Some(Ok((request, respond))) = connection.accept().await {
        tokio::spawn(exchange(request, respond, shared.clone()));
    }
}

async fn exchange(request: http::Request<h2::RecvStream>, mut respond: SendResponse<Bytes>, shared: Arc<Shared>) {
    let (head, mut stream) = request.into_parts();
    let mut body = Vec::new();
    while let Some(Ok(data)) = stream.data().await {
        drop(stream.flow_control().release_capacity(data.len()));
        body.extend_from_slice(&data);
    }
    let mood = *shared.mood.lock().unwrap();
    let (over, status) = count(&shared, &head, &body, mood);
    match mood {
        Mood::Well | Mood::Unavailable | Mood::Status(_) | Mood::Message(_) => {}
        Mood::Slow(wait) => tokio::time::sleep(wait).await,
        Mood::Silent => return std::future::pending().await,
    }
    let code = if let Mood::Status(code) = mood { code } else { 200 };
    let mut answer = Response::builder().status(code).header("content-type", "application/grpc").body(()).unwrap();
    if mood == Mood::Unavailable {
        answer.headers_mut().insert("grpc-status", HeaderValue::from_static("14"));
        drop(respond.send_response(answer, true));
        return;
    }
    let message = match mood {
        Mood::Message(bytes) => bytes.to_vec(),
        _ => [number_field(1, if over { 2 } else { 1 }), bytes_field(2, &status)].concat(),
    };
    let Ok(mut body) = respond.send_response(answer, false) else { return };
    let length = u32::try_from(message.len()).unwrap().to_be_bytes();
    drop(body.send_data([&[0][..], &length, &message].concat().into(), false));
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    drop(body.send_trailers(trailers));
}

/// Counts a request; whether it is over the limit, and the status of its descriptor.
fn count(shared: &Shared, head: &http::request::Parts, body: &[u8], mood: Mood) -> (bool, Vec<u8>) {
    assert_eq!(head.uri.path(), "/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit");
    assert_eq!((head.method.as_str(), &head.headers["te"]), ("POST", &HeaderValue::from_static("trailers")));
    assert_eq!(head.headers["content-type"], "application/grpc");
    assert!(head.headers["grpc-timeout"].to_str().unwrap().ends_with('m'));
    let (frame, message) = body.split_at(5);
    assert_eq!(frame, [&[0][..], &u32::try_from(message.len()).unwrap().to_be_bytes()].concat());
    let (mut domain, mut entries, mut hits) = (String::new(), Vec::new(), 0);
    for (field, value) in fields(message) {
        match (field, value) {
            (1, Value::Bytes(text)) => domain = text_of(text),
            (2, Value::Bytes(descriptor)) => {
                assert!(entries.is_empty(), "one descriptor");
                for (_, entry) in fields(descriptor) {
                    let Value::Bytes(entry) = entry else { panic!("an entry is a message") };
                    let texts: Vec<String> = fields(entry)
                        .map(|(_, value)| if let Value::Bytes(text) = value { text_of(text) } else { panic!("text") })
                        .collect();
                    entries.push((texts[0].clone(), texts[1].clone()));
                }
            }
            (3, Value::Number(number)) => hits = u32::try_from(number).unwrap(),
            (field, _) => panic!("field {field}"),
        }
    }
    let policy = &entries.iter().find(|(key, _)| key == "policy").unwrap().1;
    let Some(&(limit, window_s)) = shared.limits.get(policy) else {
        shared.asked.lock().unwrap().push(Asked { domain, entries, hits, window: 0, granted: true });
        return (false, number_field(1, 1)); // as envoyproxy/ratelimit says that it has no limit
    };
    let age_s = shared.begin.elapsed().as_secs();
    let (window, reset_s) = (age_s / window_s, window_s - age_s % window_s);
    let key = format!("{domain}_{entries:?}_{window}");
    let after = shared.redis.lock().unwrap().add(&key, hits, window_s * 2);
    let over = after > u64::from(limit);
    let granted = !over && mood == Mood::Well;
    shared.asked.lock().unwrap().push(Asked { domain, entries, hits, window, granted });
    let limit_message = [number_field(1, limit.into()), number_field(2, 2)].concat();
    let status = [
        number_field(1, if over { 2 } else { 1 }),
        bytes_field(2, &limit_message),
        number_field(3, u64::from(limit).saturating_sub(after)),
        bytes_field(4, &number_field(1, reset_s)),
    ]
    .concat();
    (over, status)
}

/// A connection to Redis for the two commands that are needed, in its protocol (RESP); a client's crate would be thirty more.
#[derive(Debug)]
struct Store(BufReader<std::net::TcpStream>);

impl Store {
    fn open(address: SocketAddr) -> Self {
        Self(BufReader::new(std::net::TcpStream::connect(address).unwrap()))
    }

    /// Adds to a key that is forgotten after a while; what it is then.
    fn add(&mut self, key: &str, hits: u32, forget_s: u64) -> u64 {
        let (hits, forget_s) = (hits.to_string(), forget_s.to_string());
        let mut text = String::new();
        for [command, number] in [["INCRBY", &hits], ["EXPIRE", &forget_s]] {
            text.push_str("*3\r\n");
            for part in [command, key, number] {
                write!(text, "${}\r\n{part}\r\n", part.len()).unwrap();
            }
        }
        self.0.get_mut().write_all(text.as_bytes()).unwrap();
        let [after, 1] = [(); 2].map(|()| {
            let mut line = String::new();
            self.0.read_line(&mut line).unwrap();
            line.strip_prefix(':').unwrap().trim_end().parse().unwrap()
        }) else {
            panic!("EXPIRE")
        };
        after
    }
}

enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

/// The fields of a protobuf message.
fn fields(mut rest: &[u8]) -> impl Iterator<Item = (u64, Value<'_>)> {
    fn number(rest: &mut &[u8]) -> u64 {
        let mut number = 0;
        for place in 0.. {
            let byte = rest[0];
            *rest = &rest[1..];
            number |= u64::from(byte & 127) << (7 * place);
            if byte < 128 {
                break;
            }
        }
        number
    }
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let tag = number(&mut rest);
        let value = match tag & 7 {
            0 => Value::Number(number(&mut rest)),
            2 => {
                let length = usize::try_from(number(&mut rest)).unwrap();
                let (bytes, after) = rest.split_at(length);
                rest = after;
                Value::Bytes(bytes)
            }
            kind => panic!("wire type {kind}"),
        };
        Some((tag >> 3, value))
    })
}

fn text_of(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn number_field(field: u64, number: u64) -> Vec<u8> {
    // proto3 leaves zeros out.
    if number == 0 { Vec::new() } else { [varint(field << 3), varint(number)].concat() }
}

fn bytes_field(field: u64, bytes: &[u8]) -> Vec<u8> {
    [varint(field << 3 | 2), varint(bytes.len() as u64), bytes.to_vec()].concat()
}

fn varint(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    while number > 127 {
        bytes.push((number & 127) as u8 | 128);
        number >>= 7;
    }
    bytes.push(number as u8);
    bytes
}
