// Checks a published ledger with Go's own implementation of transparency logs (golang.org/x/mod/sumdb), which shares no line with
// this project: the signature of the checkpoint, the root over all entries, and the proof of one event.
//
//	go run main.go <directory> <vkey> <event.leaf> <event.tlog-proof>
package main

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func main() {
	directory, vkey := os.Args[1], os.Args[2]
	size, root := openCheckpoint(read(filepath.Join(directory, "checkpoint")), vkey)
	fmt.Println("checkpoint over", size, "events is signed")

	hashes := storage{}
	for index := int64(0); index < size; {
		for _, leaf := range bundle(directory, index/256, min(256, size-index)) {
			stored, err := tlog.StoredHashes(index, leaf, hashes)
			check(err)
			hashes = append(hashes, stored...)
			index++
		}
	}
	computed, err := tlog.TreeHash(size, hashes)
	check(err)
	if computed != root {
		fail("the entries do not add up to the root that was signed")
	}
	fmt.Println("entries add up to the signed root")

	leaf := read(os.Args[3])
	index, proof, checkpoint := parseProof(string(read(os.Args[4])))
	proofSize, proofRoot := openCheckpoint(checkpoint, vkey)
	check(tlog.CheckRecord(proof, proofSize, proofRoot, index, tlog.RecordHash(leaf)))
	fmt.Println("event is leaf", index)
}

// storage holds the hashes of the tree in the order of tlog.StoredHashIndex.
type storage []tlog.Hash

func (s storage) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	found := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		found[i] = s[index]
	}
	return found, nil
}

func openCheckpoint(signed []byte, vkey string) (int64, tlog.Hash) {
	verifier, err := note.NewVerifier(vkey)
	check(err)
	opened, err := note.Open(signed, note.VerifierList(verifier))
	check(err)
	lines := strings.Split(opened.Text, "\n")
	if lines[0] != verifier.Name() {
		fail("the checkpoint is of another log")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	check(err)
	return size, parseHash(lines[2])
}

func bundle(directory string, index, width int64) [][]byte {
	path := fmt.Sprintf("%03d", index%1000)
	for rest := index / 1000; rest > 0; rest /= 1000 {
		path = fmt.Sprintf("x%03d/%s", rest%1000, path)
	}
	if width < 256 {
		path += fmt.Sprintf(".p/%d", width)
	}
	bytes := read(filepath.Join(directory, "tile", "entries", path))
	var leaves [][]byte
	for len(bytes) > 0 {
		length := int(binary.BigEndian.Uint16(bytes))
		leaves = append(leaves, bytes[2:2+length])
		bytes = bytes[2+length:]
	}
	return leaves
}

func parseProof(text string) (int64, tlog.RecordProof, []byte) {
	header, checkpoint, _ := strings.Cut(text, "\n\n")
	lines := strings.Split(header, "\n")
	if lines[0] != "c2sp.org/tlog-proof@v1" {
		fail("not a proof")
	}
	index, err := strconv.ParseInt(strings.TrimPrefix(lines[1], "index "), 10, 64)
	check(err)
	var proof tlog.RecordProof
	for _, line := range lines[2:] {
		proof = append(proof, parseHash(line))
	}
	return index, proof, []byte(checkpoint)
}

func parseHash(text string) (hash tlog.Hash) {
	bytes, err := base64.StdEncoding.DecodeString(text)
	check(err)
	copy(hash[:], bytes)
	return hash
}

func min(a, b int64) int64 {
	if a < b {
		return a
	}
	return b
}

func read(path string) []byte {
	bytes, err := os.ReadFile(path)
	check(err)
	return bytes
}

func check(err error) {
	if err != nil {
		fail(err.Error())
	}
}

func fail(why string) {
	fmt.Fprintln(os.Stderr, why)
	os.Exit(1)
}
