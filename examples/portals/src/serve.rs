//! Listeners, and stopping them.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

use crate::StartError;

/// Opens a listener; `flag` is the one that chooses its address.
pub(crate) async fn bind(flag: &'static str, address: SocketAddr) -> Result<TcpListener, StartError> {
    TcpListener::bind(address).await.map_err(|error| StartError::Listen { flag, address, error })
}

/// The running servers.
pub(crate) struct Servers {
    tasks: JoinSet<io::Result<()>>,
    stopping: watch::Sender<bool>,
}

impl Default for Servers {
    fn default() -> Self {
        Self { tasks: JoinSet::new(), stopping: watch::Sender::new(false) }
    }
}

impl Servers {
    pub(crate) fn start(&mut self, listener: TcpListener, router: Router) {
        let mut stopping = self.stopping.subscribe();
        // Without this, the small last chunk of a streamed answer would wait for the client's delayed acknowledgement.
        let listener = listener.tap_io(|socket| {
            let _ = socket.set_nodelay(true);
        });
        self.tasks.spawn(async move {
            axum::serve(listener, router)
                .with_graceful_shutdown(async move {
                    // An error means that `Servers` is gone, which is a reason to stop too.
                    let _ = stopping.wait_for(|stopping| *stopping).await;
                })
                .await
        });
    }

    /// Lets the requests in flight finish for [`GRACE`], then drops them.
    pub(crate) async fn stop(mut self) {
        self.stopping.send_replace(true);
        let all_ended = async { while self.tasks.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(GRACE, all_ended).await;
    }
}

/// What ends the process: Ctrl-C, SIGTERM, or the end of stdin.
pub(crate) struct Stop {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    stdin_end: Option<oneshot::Receiver<()>>,
}

impl Stop {
    /// Starts watching. Called before the ready line, so that no signal after it is lost.
    pub(crate) fn watch(stdin: bool) -> io::Result<Self> {
        #[cfg(unix)]
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self {
            #[cfg(unix)]
            terminate: signal(SignalKind::terminate())?,
            #[cfg(unix)]
            interrupt: signal(SignalKind::interrupt())?,
            stdin_end: stdin.then(stdin_end).transpose()?,
        })
    }

    pub(crate) async fn wait(mut self) {
        let stdin_end = async {
            match self.stdin_end {
                Some(ended) => drop(ended.await),
                None => std::future::pending().await,
            }
        };
        #[cfg(unix)]
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            () = stdin_end => {}
        }
        #[cfg(not(unix))]
        tokio::select! {
            _ = tokio::signal::ctrl_c() => {}
            () = stdin_end => {}
        }
    }
}

/// Reads stdin to its end on a thread of its own: a blocked read on the runtime would keep the runtime from ending.
fn stdin_end() -> io::Result<oneshot::Receiver<()>> {
    let (ended, end) = oneshot::channel();
    std::thread::Builder::new().name("stdin".to_owned()).spawn(move || {
        // A read error ends stdin as well as its end does.
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        let _ = ended.send(());
    })?;
    Ok(end)
}

/// How long requests in flight may take to finish when the process stops.
const GRACE: Duration = Duration::from_secs(2);
