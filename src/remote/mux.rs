//! The one word of ssh's multiplexing protocol (OpenSSH's PROTOCOL.mux) that our library does not say: a master is told to
//! end. `ssh -O exit` says the same, and costs a process of 25 ms a host.

use std::{io, path::Path, time::Duration};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::UnixStream,
    time::timeout,
};

const HELLO: u32 = 1;
const VERSION: u32 = 4;
const TERMINATE: u32 = 0x1000_0005;
/// It answers and is gone; a master that hangs is not waited for.
const PATIENCE: Duration = Duration::from_secs(1);

pub async fn terminate(control: &Path) -> io::Result<()> {
    let mut master = UnixStream::connect(control).await?;
    let request = 1;
    let packet = |words: [u32; 2]| [8, words[0], words[1]].map(u32::to_be_bytes).concat();
    let said = [packet([HELLO, VERSION]), packet([TERMINATE, request])].concat();
    master.write_all(&said).await?;
    let mut answer = Vec::new();
    let _ = timeout(PATIENCE, master.read_to_end(&mut answer)).await;
    Ok(())
}
