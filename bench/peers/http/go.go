// An HTTP/1.1 server on Go's net/http, on one processor. Prints its port.
// SPDX-License-Identifier: MIT
package main

import (
	"fmt"
	"net"
	"net/http"
	"runtime"
)

var hello = []byte("Hello, World!")

func main() {
	runtime.GOMAXPROCS(1)
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	http.Serve(listener, http.HandlerFunc(func(answer http.ResponseWriter, _ *http.Request) {
		answer.Header().Set("Content-Type", "text/plain")
		answer.Write(hello)
	}))
}
