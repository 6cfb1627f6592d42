// A TCP proxy on tokio, on one thread. BACKEND_PORT; prints its port.
// SPDX-License-Identifier: MIT

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

// tokio's own copy has a buffer of 8 KiB; the others' have 16.
async fn copy<R: AsyncRead + Unpin, W: AsyncWrite + Unpin>(mut from: R, mut to: W) {
    let mut buffer = Vec::with_capacity(16384);
    loop {
        buffer.clear();
        match from.read_buf(&mut buffer).await {
            Ok(0) | Err(_) => break,
            Ok(_) => {
                if to.write_all(&buffer).await.is_err() {
                    break;
                }
            }
        }
    }
    let _ = to.shutdown().await;
}

async fn relay(mut client: TcpStream, to: u16) -> std::io::Result<()> {
    let mut backend = TcpStream::connect(("127.0.0.1", to)).await?;
    backend.set_nodelay(true)?;
    let (client_reader, client_writer) = client.split();
    let (backend_reader, backend_writer) = backend.split();
    tokio::join!(copy(client_reader, backend_writer), copy(backend_reader, client_writer));
    Ok(())
}

async fn serve(to: u16) -> std::io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?.port());
    loop {
        let (client, _) = listener.accept().await?;
        client.set_nodelay(true)?;
        tokio::spawn(relay(client, to));
    }
}

fn main() -> std::io::Result<()> {
    let to = std::env::args().nth(1).unwrap().parse().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    runtime.block_on(serve(to))
}
