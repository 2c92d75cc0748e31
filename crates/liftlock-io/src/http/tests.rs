use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;

use super::*;

const SHORT: Limits = Limits {
    bytes: 64,
    timeout: Duration::from_secs(10),
};

/// Answers each connection with the next text, and tells what was asked.
fn server(answers: Vec<String>) -> (Url, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/a", listener.local_addr().unwrap());
    let (asked, requests) = mpsc::channel();
    thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            asked.send(request(&stream)).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    (url.parse().unwrap(), requests)
}

fn request(stream: &TcpStream) -> String {
    let mut text = String::new();
    for line in BufReader::new(stream).lines() {
        let line = line.unwrap();
        if line.is_empty() {
            break;
        }
        text.push_str(&line);
        text.push('\n');
    }
    text
}

fn answer(head: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {head}\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}")
}

fn client() -> Client {
    Client::new(&Options::default()).unwrap()
}

fn get(answers: Vec<String>) -> Result<Response, Error> {
    let (url, _requests) = server(answers);
    client().send(Request::get(url), SHORT)
}

#[test]
fn an_answer_on_the_limit_is_read_and_one_byte_more_is_refused() {
    let full = get(vec![answer("200 OK", &"x".repeat(64))]).unwrap();
    assert_eq!((full.status, full.body.len()), (200, 64));
    let announced = get(vec![answer("200 OK", &"x".repeat(65))]);
    assert!(matches!(announced, Err(Error::TooLarge { .. })));
    let unannounced = format!(
        "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{}",
        "x".repeat(65)
    );
    assert!(matches!(
        get(vec![unannounced]),
        Err(Error::TooLarge { .. })
    ));
}

#[test]
fn silence_ends_with_the_time_limit() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let limits = Limits {
        timeout: Duration::from_millis(100),
        ..SHORT
    };
    let result = client().send(Request::get(url.parse().unwrap()), limits);
    assert!(matches!(result, Err(Error::Timeout { .. })), "{result:?}");
}

#[test]
fn a_dropped_connection_and_a_cut_off_answer_are_broken() {
    let empty = get(vec![String::new()]);
    assert!(matches!(empty, Err(Error::Broken { .. })), "{empty:?}");
    let cut = get(vec![
        "HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nhalf".to_owned(),
    ]);
    assert!(matches!(cut, Err(Error::Broken { .. })), "{cut:?}");
}

#[test]
fn a_closed_port_is_told_apart() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!(
        "http://u:secret@{}/?token=secret",
        listener.local_addr().unwrap()
    );
    drop(listener);
    let error = client().send(Request::get(url.parse().unwrap()), SHORT);
    let error = error.unwrap_err();
    assert!(error.is_unsent(), "{error:?}");
    assert!(
        !format!("{error} {error:?}").contains("secret"),
        "{error:?}"
    );
}

#[test]
fn reading_survives_one_connection_that_closes_without_an_answer() {
    let asked = |answers: Vec<String>, method| {
        let (url, requests) = server(answers);
        let result = client().send(Request::new(method, url), SHORT);
        (result.is_ok(), requests.try_iter().count())
    };
    let good = || answer("200 OK", "");
    for method in [Method::Get, Method::Head] {
        assert_eq!(asked(vec![String::new(), good()], method), (true, 2));
        let dead = vec![String::new(), String::new(), good()];
        assert_eq!(asked(dead, method), (false, 2));
    }
    for method in [Method::Post, Method::Put, Method::Patch, Method::Delete] {
        assert_eq!(asked(vec![String::new(), good()], method), (false, 1));
    }
}

#[test]
fn a_page_for_people_is_recognised() {
    let page = get(vec![answer("200 OK", " <html>")]).unwrap();
    assert!(page.is_html());
    let declared = get(vec![answer("200 OK\r\nContent-Type: text/HTML", "hi")]).unwrap();
    assert!(declared.is_html());
    assert!(!get(vec![answer("200 OK", "{}")]).unwrap().is_html());
}

#[test]
fn credentials_stay_with_their_host() {
    let (other, other_requests) = server(vec![answer("200 OK", "there")]);
    let moved = format!("302 Found\r\nlocation: {other}");
    let near = "307 Temporary Redirect\r\nlocation: /b".to_owned();
    let (url, requests) = server(vec![answer(&near, ""), answer(&moved, "")]);
    let request = Request::get(url)
        .with_header("authorization", "Bearer t")
        .with_header("private-token", "t")
        .with_header("accept", "text/plain");
    assert_eq!(client().send(request, SHORT).unwrap().body, b"there");
    for path in ["GET /a", "GET /b"] {
        let asked = requests.recv().unwrap();
        assert!(asked.starts_with(path), "{asked}");
        assert!(asked.contains("authorization: Bearer t"), "{asked}");
    }
    let asked = other_requests.recv().unwrap();
    assert!(!asked.contains("authorization"), "{asked}");
    assert!(!asked.contains("private-token"), "{asked}");
    assert!(asked.contains("accept: text/plain"), "{asked}");
}

#[test]
fn a_loop_of_redirects_ends() {
    let again = answer("302 Found\r\nlocation: /a", "");
    let result = get(vec![again; REDIRECTS + 1]);
    assert!(matches!(result, Err(Error::Redirects { .. })), "{result:?}");
}

#[test]
fn what_was_posted_is_not_carried_to_another_host() {
    let moved = answer("307 Moved\r\nlocation: http://127.0.0.1:9/", "");
    let (url, _requests) = server(vec![moved]);
    let request = Request::new(Method::Post, url).with_body("text/plain", b"x".to_vec());
    assert_eq!(client().send(request, SHORT).unwrap().status, 307);
}

#[test]
fn a_file_without_authorities_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    std::fs::write(&path, "hello").unwrap();
    let options = Options {
        ca_file: Some(path),
        ..Options::default()
    };
    let error = Client::new(&options).unwrap_err();
    assert!(error.to_string().contains("ca.pem"), "{error}");
}
