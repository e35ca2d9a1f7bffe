//! A real Prometheus on this machine's loopback device: it scrapes texts from here, and is asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

/// What a target answers: one text after another, the last one from then on.
pub(crate) struct Target {
    pub(crate) name: &'static str,
    pub(crate) texts: Vec<String>,
}

pub(crate) struct Prometheus {
    child: Child,
    address: SocketAddr,
    _folder: tempfile::TempDir,
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _may_be_over = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// How often each text of a target is given but the last: a rate needs two samples.
const TIMES: usize = 3;

/// Serves a text, as node_exporter would.
fn serve(target: Target) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let served = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&served);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = BufReader::new(stream.try_clone().unwrap());
            let mut line = String::new();
            while head.read_line(&mut line).unwrap_or(0) > 2 {
                line.clear();
            }
            let place = counted.fetch_add(1, Ordering::SeqCst) / TIMES;
            let text = &target.texts[place.min(target.texts.len() - 1)];
            let kind = if text.ends_with("# EOF\n") {
                "application/openmetrics-text; version=1.0.0; charset=utf-8"
            } else {
                "text/plain; version=0.0.4; charset=utf-8"
            };
            let _gone = write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{text}",
                text.len()
            );
        }
    });
    (address, served)
}

/// Returns a port that nobody has.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Asks over HTTP, and returns the body.
pub(crate) fn get(address: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(20))?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    write!(
        stream,
        "GET {path} HTTP/1.0\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let body = text.split_once("\r\n\r\n").map(|(_, body)| body.to_owned());
    body.ok_or_else(|| std::io::Error::other(format!("no answer to {path}: {text}")))
}

fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() {
            out.push(byte.into());
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

impl Prometheus {
    /// Starts one with rules, and waits until it has scraped every text of every target twice.
    pub(crate) fn over(targets: Vec<Target>, rules: &Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut config = format!(
            "global: {{scrape_interval: 1s, evaluation_interval: 1s}}\nrule_files: [{:?}]\nscrape_configs:\n",
            rules.display().to_string()
        );
        let mut served = Vec::new();
        for target in targets {
            let (name, texts) = (target.name, target.texts.len());
            let (address, count) = serve(target);
            config.push_str(&format!(
                "  - job_name: {name}\n    static_configs: [{{targets: ['{address}'], labels: {{instance: {name}}}}}]\n"
            ));
            served.push((texts, count));
        }
        std::fs::write(folder.path().join("prometheus.yml"), config).unwrap();
        let address: SocketAddr = ([127, 0, 0, 1], free_port()).into();
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let child = Command::new("prometheus")
            .arg(format!(
                "--config.file={}/prometheus.yml",
                folder.path().display()
            ))
            .arg(format!(
                "--storage.tsdb.path={}/data",
                folder.path().display()
            ))
            .arg(format!("--web.listen-address={address}"))
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("the package prometheus is needed; tests/run installs it");
        let started = Self {
            child,
            address,
            _folder: folder,
        };
        let began = Instant::now();
        while served
            .iter()
            .any(|(texts, count)| count.load(Ordering::SeqCst) < texts * TIMES + 2)
        {
            assert!(
                began.elapsed() < Duration::from_secs(120),
                "Prometheus does not scrape: {}",
                std::fs::read_to_string(started._folder.path().join("log")).unwrap()
            );
            std::thread::sleep(Duration::from_millis(100));
        }
        started
    }

    fn asked(&self, path: &str) -> Value {
        let text = get(self.address, path).unwrap();
        let value: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{path}: {text}"));
        assert_eq!(value["status"], "success", "{path}: {text}");
        value["data"].clone()
    }

    /// Returns the series that an expression gives now.
    pub(crate) fn query(&self, expression: &str) -> Vec<Value> {
        let data = self.asked(&format!("/api/v1/query?query={}", encoded(expression)));
        data["result"].as_array().unwrap().clone()
    }

    /// Returns the rules as it read them: name, expression, and how the last evaluation went.
    pub(crate) fn rules(&self) -> Vec<(String, String, String)> {
        let began = Instant::now();
        loop {
            let data = self.asked("/api/v1/rules");
            let groups = data["groups"].as_array().unwrap().iter();
            let rules: Vec<(String, String, String)> = groups
                .flat_map(|group| group["rules"].as_array().unwrap())
                .map(|rule| {
                    let text = |name: &str| rule[name].as_str().unwrap_or_default().to_owned();
                    (
                        text("name"),
                        text("query"),
                        format!("{}{}", text("health"), text("lastError")),
                    )
                })
                .collect();
            if rules.iter().all(|(_, _, health)| health != "unknown") {
                return rules;
            }
            assert!(began.elapsed() < Duration::from_secs(60), "{rules:?}");
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// Returns what became of the scrapes: each target's last error.
    pub(crate) fn scrape_errors(&self) -> Vec<String> {
        let data = self.asked("/api/v1/targets");
        let targets = data["activeTargets"].as_array().unwrap().iter();
        targets
            .map(|target| target["lastError"].as_str().unwrap().to_owned())
            .collect()
    }
}
