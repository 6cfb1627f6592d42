// Tasks, timers and what tasks share, of Go, on one processor: OPERATION ROUNDS [LIVE].
// SPDX-License-Identifier: MIT
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"
)

const yielders = 1000
const lockers = 100

func cpuNs() float64 {
	var usage syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &usage)
	return float64(usage.Utime.Nano() + usage.Stime.Nano())
}

func run(operation string, rounds, live int) float64 {
	var kept []*time.Timer
	if operation == "sleep_and_cancel" {
		for i := 0; i < live; i++ {
			due := 3600000 + i*2654435769%3600000
			if i == 0 {
				due = 10000
			}
			kept = append(kept, time.NewTimer(time.Duration(due)*time.Millisecond))
		}
	}
	var group sync.WaitGroup
	before := cpuNs()
	switch operation {
	case "spawn_and_join":
		for i := 0; i < rounds; i++ {
			group.Add(1)
			go group.Done()
			group.Wait()
		}
	case "spawn_batch":
		for left := rounds; left > 0; left -= live {
			group.Add(live)
			for i := 0; i < live; i++ {
				go group.Done()
			}
			group.Wait()
		}
	case "yield":
		for i := 0; i < yielders; i++ {
			group.Add(1)
			go func() {
				for j := 0; j < rounds/yielders; j++ {
					runtime.Gosched()
				}
				group.Done()
			}()
		}
		group.Wait()
	case "sleep_and_cancel":
		for i := 0; i < rounds; i++ {
			time.NewTimer(time.Minute).Stop()
		}
	case "mutex":
		var mutex sync.Mutex
		for i := 0; i < rounds; i++ {
			mutex.Lock()
			kept = kept[:0]
			mutex.Unlock()
		}
	case "contended_mutex":
		var mutex sync.Mutex
		left := rounds
		for i := 0; i < lockers; i++ {
			group.Add(1)
			go func() {
				defer group.Done()
				for {
					mutex.Lock()
					if left == 0 {
						mutex.Unlock()
						return
					}
					left--
					runtime.Gosched()
					mutex.Unlock()
				}
			}()
		}
		group.Wait()
	case "channel":
		values := make(chan int32, 16)
		for i := 0; i < rounds; i++ {
			values <- 1
			<-values
		}
	case "channel_between_tasks", "channel_between_threads":
		rooms := 1
		if operation == "channel_between_threads" {
			runtime.GOMAXPROCS(2)
			rooms = 128
		}
		values := make(chan int32, rooms)
		go func() {
			for i := 0; i < rounds; i++ {
				values <- 1
			}
			close(values)
		}()
		for range values {
		}
	case "oneshot":
		for i := 0; i < rounds; i++ {
			value := make(chan int32, 1)
			value <- 1
			<-value
		}
	default:
		fmt.Fprintf(os.Stderr, "no operation '%s'\n", operation)
		os.Exit(2)
	}
	after := cpuNs()
	runtime.KeepAlive(kept)
	return (after - before) / float64(rounds)
}

func main() {
	runtime.GOMAXPROCS(1)
	rounds, _ := strconv.Atoi(os.Args[2])
	live := 1000
	if len(os.Args) > 3 {
		live, _ = strconv.Atoi(os.Args[3])
	}
	fmt.Printf("%.3f\n", run(os.Args[1], rounds, live))
}
