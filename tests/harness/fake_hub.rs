//! A hub on a thread of this machine: describes one repository, serves its files by ranges, and errs as it is told to. It answers
//! as huggingface.co does in what hf-hub looks at: commit, etag, range, and for large files a redirect to where they lie.

use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

pub const REPOSITORY: &str = "org/tiny";

/// One file as the hub has it.
#[derive(Clone)]
pub struct HubFile {
    pub bytes: Vec<u8>,
    pub etag: String,
    /// Large files are not served in place.
    pub is_large: bool,
}

impl HubFile {
    /// Named by its sha256, as files in LFS are.
    pub fn large(bytes: &[u8]) -> Self {
        let etag = Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        HubFile { bytes: bytes.to_vec(), etag, is_large: true }
    }

    /// Named by the hash that git gives it.
    pub fn small(bytes: &[u8]) -> Self {
        let mut hash = sha1::Sha1::new();
        hash.update(format!("blob {}\0", bytes.len()));
        hash.update(bytes);
        let etag = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
        HubFile { bytes: bytes.to_vec(), etag, is_large: false }
    }
}

/// What the hub has, and how it errs.
#[derive(Default)]
pub struct HubState {
    pub commit: String,
    /// Branches and tags of that commit.
    pub refs: Vec<String>,
    pub files: BTreeMap<String, HubFile>,
    /// Bytes after which the connection ends, for one body of a large file after the other; later ones are whole.
    pub cuts: VecDeque<usize>,
    /// Every request: path, range, authorization.
    pub log: Vec<Request>,
}

#[derive(Debug, Clone)]
pub struct Request {
    pub path: String,
    pub range: Option<String>,
    pub authorization: Option<String>,
}

/// A running hub; its thread ends with the test process.
pub struct FakeHub {
    pub endpoint: String,
    pub state: Arc<Mutex<HubState>>,
}

impl FakeHub {
    pub fn new(commit: &str, files: BTreeMap<String, HubFile>) -> Self {
        let state = HubState {
            commit: commit.to_owned(),
            refs: vec!["main".to_owned()],
            files,
            ..HubState::default()
        };
        let state = Arc::new(Mutex::new(state));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let (shared, own_endpoint) = (state.clone(), endpoint.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (state, endpoint) = (shared.clone(), own_endpoint.clone());
                std::thread::spawn(move || {
                    // A client that goes away is what some tests are about.
                    let _ = serve(stream.unwrap(), &state, &endpoint);
                });
            }
        });
        FakeHub { endpoint, state }
    }

    /// Ranges asked of a file where its bytes lie, without those of a first byte alone.
    pub fn ranges(&self, file: &str) -> Vec<String> {
        let state = self.state.lock().unwrap();
        let of_file = state.log.iter().filter(|request| request.path.ends_with(&format!("/{file}")));
        let ranges = of_file.filter_map(|request| request.range.clone());
        let mut ranges: Vec<String> = ranges.filter(|range| range != "bytes=0-0").collect();
        // hf-hub asks the resolver first and is sent on; only the last answer has a body.
        ranges.dedup();
        ranges
    }
}

struct Response {
    status: &'static str,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Response {
    fn refusal(status: &'static str, code: &str) -> Self {
        Response { status, headers: vec![("x-error-code", code.to_owned())], body: b"no".to_vec() }
    }
}

/// One request on one connection.
fn serve(mut stream: TcpStream, state: &Mutex<HubState>, endpoint: &str) -> std::io::Result<()> {
    let request = read_request(&stream)?;
    let (response, cut) = {
        let mut state = state.lock().unwrap();
        state.log.push(request.clone());
        let response = respond(&request, &state, endpoint);
        let is_body = request.path.contains("/cdn/") && request.range.as_deref() != Some("bytes=0-0");
        let cut = if is_body { state.cuts.pop_front() } else { None };
        let cut = cut.unwrap_or(usize::MAX).min(response.body.len());
        (response, cut)
    };
    let mut head = format!("HTTP/1.1 {}\r\n", response.status);
    for (name, value) in &response.headers {
        head += &format!("{name}: {value}\r\n");
    }
    head += &format!("content-length: {}\r\nconnection: close\r\n\r\n", response.body.len());
    stream.write_all(head.as_bytes())?;
    stream.write_all(&response.body[..cut])?;
    stream.flush()
}

fn read_request(stream: &TcpStream) -> std::io::Result<Request> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next().transpose()?.unwrap_or_default();
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut request = Request { path, range: None, authorization: None };
    for line in lines {
        let line = line?;
        let Some((name, value)) = line.split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "range" => request.range = Some(value.to_owned()),
            "authorization" => request.authorization = Some(value.to_owned()),
            _ => {}
        }
    }
    Ok(request)
}

fn respond(request: &Request, state: &HubState, endpoint: &str) -> Response {
    if let Some(rest) = request.path.strip_prefix("/api/models/") {
        let Some(revision) = rest.strip_prefix(&format!("{REPOSITORY}/revision/")) else {
            return Response::refusal("401 Unauthorized", "RepoNotFound");
        };
        if revision != state.commit && !state.refs.iter().any(|known| known == revision) {
            return Response::refusal("404 Not Found", "RevisionNotFound");
        }
        let siblings: Vec<_> =
            state.files.keys().map(|name| serde_json::json!({ "rfilename": name })).collect();
        let body = serde_json::json!({ "id": REPOSITORY, "sha": state.commit, "siblings": siblings });
        return Response { status: "200 OK", headers: Vec::new(), body: body.to_string().into_bytes() };
    }
    let resolved = format!("/{REPOSITORY}/resolve/{}/", state.commit);
    let (name, is_resolver) = match request.path.strip_prefix(&resolved) {
        Some(name) => (name, true),
        None => (request.path.strip_prefix("/cdn/").unwrap_or_default(), false),
    };
    let Some(file) = state.files.get(name) else {
        return Response::refusal("404 Not Found", "EntryNotFound");
    };
    let mut headers = vec![("x-repo-commit", state.commit.clone())];
    if is_resolver {
        let location = format!("{endpoint}/cdn/{name}");
        match file.is_large {
            true => headers.extend([("x-linked-etag", format!("\"{}\"", file.etag)), ("location", location)]),
            false => headers.push(("etag", format!("\"{}\"", file.etag))),
        }
        if file.is_large {
            return Response { status: "302 Found", headers, body: Vec::new() };
        }
    }
    ranged(request, file, headers)
}

fn ranged(request: &Request, file: &HubFile, mut headers: Vec<(&'static str, String)>) -> Response {
    let Some(range) = request.range.as_ref().and_then(|range| range.strip_prefix("bytes=")) else {
        return Response { status: "200 OK", headers, body: file.bytes.clone() };
    };
    let (start, end) = range.split_once('-').unwrap();
    let start: usize = start.parse().unwrap();
    let end = end.parse().map_or(file.bytes.len(), |end: usize| (end + 1).min(file.bytes.len()));
    if start >= end {
        return Response::refusal("416 Range Not Satisfiable", "Range");
    }
    headers.push(("content-range", format!("bytes {start}-{}/{}", end - 1, file.bytes.len())));
    Response { status: "206 Partial Content", headers, body: file.bytes[start..end].to_vec() }
}
