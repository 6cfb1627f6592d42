// Memory of suspended goroutines of Go: COUNT.
// SPDX-License-Identifier: MIT
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
)

func residentBytes() float64 {
	status, _ := os.ReadFile("/proc/self/status")
	_, after, _ := strings.Cut(string(status), "RssAnon:")
	kibibytes, _ := strconv.ParseFloat(strings.Fields(after)[0], 64)
	return kibibytes * 1024
}

func main() {
	runtime.GOMAXPROCS(1)
	count, _ := strconv.Atoi(os.Args[1])
	never := make(chan struct{})
	suspended := func() { <-never }
	go suspended()
	runtime.Gosched()
	before := residentBytes()
	for i := 0; i < count; i++ {
		go suspended()
	}
	runtime.Gosched()
	fmt.Printf("%.1f\n", (residentBytes()-before)/float64(count))
}
