package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	abci "github.com/tendermint/tendermint/abci/types"
	cmn "github.com/tendermint/tendermint/libs/common"
)

// What a running loom makes in its working directory.
var appFolders = []string{"app.db", "app_v2.db", "evm.db", "receipts_db"}

var appStateFile = filepath.Join("app.db", "state.json")

// document is the app's genesis.json: its hash (the order of validators counts, the notation of numbers does not), and
// what its dpos contract says of validators.
type document struct {
	hash       []byte
	version    int
	validators []abci.ValidatorUpdate
}

func readDocument(path string) (*document, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var any interface{}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&any); err != nil {
		return nil, fmt.Errorf("%s: %v", path, err)
	}
	canonical, err := json.Marshal(withoutNumbers(any))
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(canonical)
	doc := &document{hash: sum[:]}
	return doc, doc.readValidators(canonical)
}

func withoutNumbers(value interface{}) interface{} {
	switch v := value.(type) {
	case json.Number:
		return v.String()
	case map[string]interface{}:
		for key := range v {
			v[key] = withoutNumbers(v[key])
		}
	case []interface{}:
		for i := range v {
			v[i] = withoutNumbers(v[i])
		}
	}
	return value
}

func (d *document) readValidators(canonical []byte) error {
	var parsed struct {
		Contracts []struct {
			Name string
			Init json.RawMessage
		}
	}
	if err := json.Unmarshal(canonical, &parsed); err != nil {
		return err
	}
	for _, contract := range parsed.Contracts {
		if !strings.HasPrefix(contract.Name, "dpos") {
			continue
		}
		if contract.Name == "dposV3" {
			d.version = 3
		}
		var init struct {
			Validators []struct {
				PubKey string
				Power  int64 `json:",string"`
			}
		}
		if err := json.Unmarshal(contract.Init, &init); err != nil {
			return fmt.Errorf("contract %s: %v", contract.Name, err)
		}
		for _, v := range init.Validators {
			key, err := base64.StdEncoding.DecodeString(v.PubKey)
			if err != nil {
				return fmt.Errorf("contract %s: pubKey: %v", contract.Name, err)
			}
			d.validators = append(d.validators, abci.Ed25519ValidatorUpdate(key, v.Power))
		}
	}
	if len(d.validators) == 0 {
		return fmt.Errorf("genesis.json names no dpos validators")
	}
	return nil
}

// app is the smallest application with loom's outward behaviour: its hash follows from the document of the first start,
// and from height 1 on the dpos contract's validators are the chain's.
type app struct {
	abci.BaseApplication
	Height  int64
	Hash    []byte
	Doc     *document        `json:"-"`
	Initial map[string]int64 `json:"-"`
}

// newApp takes up the state of the last commit: after that, another document changes nothing any more.
func newApp(doc *document) (*app, error) {
	a := &app{Doc: doc, Hash: doc.hash}
	for _, folder := range appFolders {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return nil, err
		}
	}
	text, err := os.ReadFile(appStateFile)
	if os.IsNotExist(err) {
		return a, nil
	}
	if err != nil {
		return nil, err
	}
	return a, json.Unmarshal(text, a)
}

func (a *app) Info(abci.RequestInfo) abci.ResponseInfo {
	info := abci.ResponseInfo{Version: "2.0.0", LastBlockHeight: a.Height}
	if a.Height > 0 {
		info.LastBlockAppHash = a.Hash
	}
	return info
}

func (a *app) InitChain(req abci.RequestInitChain) abci.ResponseInitChain {
	a.Hash = a.Doc.hash
	a.Initial = map[string]int64{}
	for _, v := range req.Validators {
		a.Initial[string(v.PubKey.Data)] = v.Power
	}
	return abci.ResponseInitChain{}
}

func (a *app) DeliverTx(req abci.RequestDeliverTx) abci.ResponseDeliverTx {
	sum := sha256.Sum256(append(append([]byte{}, a.Hash...), req.Tx...))
	a.Hash = sum[:]
	return abci.ResponseDeliverTx{}
}

// EndBlock: the first block makes the dpos contract's validators the chain's own; an election of dposV3 counts
// their stakes instead of the document's powers (10 becomes 1250000031709).
func (a *app) EndBlock(req abci.RequestEndBlock) abci.ResponseEndBlock {
	if req.Height != 1 {
		return abci.ResponseEndBlock{}
	}
	var updates []abci.ValidatorUpdate
	for _, v := range a.Doc.validators {
		delete(a.Initial, string(v.PubKey.Data))
		if a.Doc.version == 3 {
			v.Power = v.Power*125000003171 - 1
		}
		updates = append(updates, v)
	}
	for key := range a.Initial {
		updates = append(updates, abci.Ed25519ValidatorUpdate([]byte(key), 0))
	}
	return abci.ResponseEndBlock{ValidatorUpdates: updates}
}

func (a *app) Commit() abci.ResponseCommit {
	a.Height++
	text, err := json.Marshal(a)
	if err == nil {
		err = cmn.WriteFileAtomic(appStateFile, text, 0o600)
	}
	if err != nil {
		panic(err)
	}
	return abci.ResponseCommit{Data: a.Hash}
}
