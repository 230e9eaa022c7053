// Package wake lets asynq servers wait for work instead of asking for it.
//
// asynq v0.26 asks Redis again and again: each server for new tasks, when its
// queues are empty, and for tasks whose wait is over. Through a Client of a Bell
// the same question waits inside the worker until there is something to find,
// because somebody said so (see Announcing), because the Bell looked into all
// idle queues at once, or because the time of a waiting task has come. What it
// finds is what asynq would have found, by asynq's own scripts.
//
// A task's result waits here for the end of its task, and is written with it. Tasks of
// one queue that end at the same moment end by one script: see Exec. One server looks for
// dead workers' tasks for all that share a client.
//
// It never moves, holds or drops a task itself. Whatever goes wrong here, a
// message that is lost or a connection that breaks, costs time: a tenth of a
// second for a new task, a second while another server of a cluster does not
// answer, five seconds for a waiting one that another process put there. Scripts
// that it does not know pass through untouched.
package wake
