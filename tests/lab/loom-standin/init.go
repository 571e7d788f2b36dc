package main

import (
	"bytes"
	_ "embed"
	"encoding/base64"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/viper"
	"github.com/tendermint/tendermint/crypto/ed25519"
	"github.com/tendermint/tendermint/p2p"
	"golang.org/x/crypto/ripemd160"
)

// What a real build wrote, with the parts that differ from node to node taken out.
var (
	//go:embed dposV2.json
	dposV2 string
	//go:embed dposV3.json
	dposV3 string
	//go:embed genesis.json
	tendermintGenesis string
	//go:embed config.toml
	configToml string
)

func initNode(settings *viper.Viper, force bool) error {
	app := dposV3
	if settings.GetInt("DPOSVersion") == 2 {
		app = dposV2
	}
	if force {
		for _, path := range append([]string{root, "genesis.json"}, appFolders...) {
			if err := os.RemoveAll(path); err != nil {
				return err
			}
		}
	}
	if exists(configFile("genesis.json")) {
		return errors.New("genesis file already exists")
	}
	if err := makeFolders(); err != nil {
		return err
	}
	// Only the app document is there: half of chaindata has been made by the time that loom sees it.
	if exists("genesis.json") {
		return errors.New("genesis file already exists")
	}
	return writeInit(settings.GetString("ChainID"), app)
}

func writeInit(chainID, app string) error {
	if _, err := p2p.LoadOrGenNodeKey(configFile("node_key.json")); err != nil {
		return err
	}
	key := newValidator(configFile("priv_validator.json"))
	if err := key.save(); err != nil {
		return err
	}
	public := key.state.PubKey.(ed25519.PubKeyEd25519)
	hash := ripemd160.New()
	hash.Write(public[:])
	fill := strings.NewReplacer(
		"@CHAINID@", chainID,
		"@TIME@", time.Now().UTC().Format(time.RFC3339Nano),
		"@ADDRESS@", key.state.Address.String(),
		"@PUBKEY@", base64.StdEncoding.EncodeToString(public[:]),
		"@LOCAL@", base64.StdEncoding.EncodeToString(hash.Sum(nil)),
	)
	if err := os.WriteFile(configFile("genesis.json"), []byte(fill.Replace(tendermintGenesis)), 0o644); err != nil {
		return err
	}
	return os.WriteFile("genesis.json", []byte(fill.Replace(app)), 0o644)
}

// makeFolders leaves what Tendermint's own EnsureRoot leaves: folders and a config.toml.
func makeFolders() error {
	for _, folder := range []string{root, filepath.Join(root, "config"), filepath.Join(root, "data")} {
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return err
		}
	}
	if exists(configFile("config.toml")) {
		return nil
	}
	moniker, err := os.Hostname()
	if err != nil {
		moniker = "anonymous"
	}
	text := strings.Replace(configToml, "@MONIKER@", moniker, 1)
	return os.WriteFile(configFile("config.toml"), []byte(text), 0o644)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// forTendermint032 turns 0.27's consensus_params.block_size into what 0.32 calls block.
func forTendermint032(document []byte) ([]byte, error) {
	old := []byte(`"block_size"`)
	if !bytes.Contains(document, old) {
		return document, nil
	}
	at := bytes.Index(document, old)
	brace := bytes.IndexByte(document[at:], '{')
	if brace < 0 {
		return nil, fmt.Errorf("consensus_params.block_size is not an object")
	}
	var out bytes.Buffer
	out.Write(document[:at])
	out.WriteString(`"block":{"time_iota_ms":"1000",`)
	out.Write(document[at+brace+1:])
	return out.Bytes(), nil
}
