// Round trips through channels of Go between two goroutines, each bound to its thread: parked ROUNDS.
// SPDX-License-Identifier: MIT
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"time"
)

func main() {
	if os.Args[1] != "parked" {
		fmt.Fprintf(os.Stderr, "no operation '%s'\n", os.Args[1])
		os.Exit(2)
	}
	rounds, _ := strconv.Atoi(os.Args[2])
	runtime.GOMAXPROCS(2)
	here, there := make(chan int), make(chan int)
	go func() {
		runtime.LockOSThread()
		for ball := range there {
			here <- ball
		}
	}()
	runtime.LockOSThread()
	began := time.Now()
	for i := 0; i < rounds; i++ {
		there <- i
		<-here
	}
	fmt.Printf("%.1f\n", float64(time.Since(began).Nanoseconds())/float64(rounds))
}
