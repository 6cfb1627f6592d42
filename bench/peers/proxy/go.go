// A TCP proxy in Go, on one processor. io.Copy splices from socket to socket. BACKEND_PORT; prints its
// port.
// SPDX-License-Identifier: MIT
package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
)

func copyAll(to, from *net.TCPConn) {
	io.Copy(to, from)
	to.CloseWrite()
}

func relay(client *net.TCPConn, to string) {
	defer client.Close()
	connection, err := net.Dial("tcp4", to)
	if err != nil {
		return
	}
	defer connection.Close()
	backend := connection.(*net.TCPConn)
	done := make(chan struct{})
	go func() {
		copyAll(backend, client)
		close(done)
	}()
	copyAll(client, backend)
	<-done
}

func main() {
	runtime.GOMAXPROCS(1)
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	for {
		client, err := listener.Accept()
		if err != nil {
			panic(err)
		}
		go relay(client.(*net.TCPConn), "127.0.0.1:"+os.Args[1])
	}
}
