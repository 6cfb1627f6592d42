// Tasks and timers of Go, on one processor: OPERATION ROUNDS [LIVE].
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
