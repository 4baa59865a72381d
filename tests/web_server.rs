//! A web server in this process, as small as the tests need: it serves a folder as plain servers
//! do, or answers everything with one status, or not at all.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use chrono::{DateTime, Utc};

/// What the server does with a request.
pub enum Manner {
    /// Gives the files below the folder, whole, with the time of their last change; knows GET and
    /// HEAD alone, and no ranges.
    Files(PathBuf),
    /// The same without the time.
    FilesWithoutTimes(PathBuf),
    /// Always this status, with this text.
    Status(u16, &'static str),
    /// Takes the request and never answers.
    Silence,
}

/// A server on a port of this machine, for as long as the process lives.
pub struct WebServer {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
}

/// What somebody asked the server.
#[derive(Clone, Debug)]
pub struct Request {
    /// The request line and the headers.
    pub head: String,
    pub body: String,
}

impl Request {
    /// As `GET /path`.
    pub fn line(&self) -> String {
        self.head.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
    }
}

impl WebServer {
    pub fn start(manner: Manner) -> WebServer {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests: Arc<Mutex<Vec<Request>>> = Arc::default();
        let (noted, manner) = (Arc::clone(&requests), Arc::new(manner));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (noted, manner) = (Arc::clone(&noted), Arc::clone(&manner));
                // A client that hangs up is its own business.
                std::thread::spawn(move || answer(stream, &manner, &noted).ok());
            }
        });
        WebServer { address, requests }
    }

    /// Where it listens, such as `http://127.0.0.1:8000`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The requests since the last call, each as `GET /path`.
    pub fn requests(&self) -> Vec<String> {
        self.whole_requests().iter().map(Request::line).collect()
    }

    /// The requests since the last call, with what they brought.
    pub fn whole_requests(&self) -> Vec<Request> {
        std::mem::take(&mut self.requests.lock().unwrap())
    }
}

/// An address at which nobody listens.
pub fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

fn answer(
    mut stream: TcpStream,
    manner: &Manner,
    noted: &Mutex<Vec<Request>>,
) -> std::io::Result<()> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<u64>().ok())?
    });
    // What is sent must be taken before the answer, or the client sees its connection reset.
    let mut body = Vec::new();
    (&stream).take(length.unwrap_or(0)).read_to_end(&mut body)?;
    let body = String::from_utf8_lossy(&body).into_owned();
    noted.lock().unwrap().push(Request { head: head.clone(), body });
    let mut words = head.split_whitespace();
    let (method, path) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    let (status, time, body) = match manner {
        Manner::Status(status, text) => (*status, None, text.as_bytes().to_vec()),
        Manner::Silence => {
            std::thread::park();
            return Ok(());
        }
        _ if !["GET", "HEAD"].contains(&method) => (501, None, b"what?".to_vec()),
        Manner::Files(folder) | Manner::FilesWithoutTimes(folder) => {
            let file = folder.join(path.trim_start_matches('/'));
            match std::fs::read(&file) {
                Ok(bytes) => (200, Some(std::fs::metadata(&file)?.modified()?), bytes),
                Err(_) => (404, None, b"no such file".to_vec()),
            }
        }
    };
    write!(stream, "HTTP/1.1 {status} so\r\nContent-Length: {}\r\n", body.len())?;
    if let (Manner::Files(_), Some(time)) = (manner, time) {
        let time = DateTime::<Utc>::from(time).format("%a, %d %b %Y %H:%M:%S GMT");
        write!(stream, "Last-Modified: {time}\r\n")?;
    }
    write!(stream, "Connection: close\r\n\r\n")?;
    if method != "HEAD" {
        stream.write_all(&body)?;
    }
    stream.flush()
}
