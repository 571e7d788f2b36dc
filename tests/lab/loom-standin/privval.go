package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"time"

	amino "github.com/tendermint/go-amino"
	"github.com/tendermint/tendermint/crypto"
	"github.com/tendermint/tendermint/crypto/ed25519"
	cryptoamino "github.com/tendermint/tendermint/crypto/encoding/amino"
	cmn "github.com/tendermint/tendermint/libs/common"
	"github.com/tendermint/tendermint/privval"
	"github.com/tendermint/tendermint/types"
)

var cdc = amino.NewCodec()

func init() { cryptoamino.RegisterAmino(cdc) }

// validator signs with 0.27's priv_validator.json: key and sign state in one file, rewritten before each signature
// is given away.
type validator struct {
	path  string
	state privval.OldFilePV
}

func newValidator(path string) *validator {
	key := ed25519.GenPrivKey()
	return &validator{path, privval.OldFilePV{Address: key.PubKey().Address(), PubKey: key.PubKey(), PrivKey: key}}
}

func loadValidator(path string) (*validator, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	v := &validator{path: path}
	if err := cdc.UnmarshalJSON(text, &v.state); err != nil {
		return nil, fmt.Errorf("Error reading PrivValidator from %v: %v", path, err)
	}
	return v, nil
}

func (v *validator) save() error {
	text, err := cdc.MarshalJSONIndent(v.state, "", "  ")
	if err != nil {
		return err
	}
	return cmn.WriteFileAtomic(v.path, text, 0o600)
}

func (v *validator) reset() error {
	v.state = privval.OldFilePV{Address: v.state.Address, PubKey: v.state.PubKey, PrivKey: v.state.PrivKey}
	return v.save()
}

func (v *validator) GetPubKey() crypto.PubKey { return v.state.PubKey }

func (v *validator) SignVote(chainID string, vote *types.Vote) error {
	step := int8(2)
	if vote.Type == types.PrecommitType {
		step = 3
	}
	last := func(text []byte) (*time.Time, any, error) {
		var c types.CanonicalVote
		err := cdc.UnmarshalBinaryLengthPrefixed(text, &c)
		return &c.Timestamp, &c, err
	}
	signature, at, err := v.sign(vote.Height, vote.Round, step, vote.SignBytes(chainID), last)
	if err != nil {
		return fmt.Errorf("error signing vote: %v", err)
	}
	vote.Signature = signature
	if at != nil {
		vote.Timestamp = *at
	}
	return nil
}

func (v *validator) SignProposal(chainID string, proposal *types.Proposal) error {
	last := func(text []byte) (*time.Time, any, error) {
		var c types.CanonicalProposal
		err := cdc.UnmarshalBinaryLengthPrefixed(text, &c)
		return &c.Timestamp, &c, err
	}
	signature, at, err := v.sign(proposal.Height, proposal.Round, 1, proposal.SignBytes(chainID), last)
	if err != nil {
		return fmt.Errorf("error signing proposal: %v", err)
	}
	proposal.Signature = signature
	if at != nil {
		proposal.Timestamp = *at
	}
	return nil
}

// sign refuses what could be a double signature. The same message again, but for its time, gets the old signature and
// the time that belongs to it.
func (v *validator) sign(
	height int64, round int, step int8, message []byte, parse func([]byte) (*time.Time, any, error),
) ([]byte, *time.Time, error) {
	s := &v.state
	last := privval.FilePVLastSignState{
		Height: s.LastHeight, Round: s.LastRound, Step: s.LastStep, Signature: s.LastSignature, SignBytes: s.LastSignBytes,
	}
	again, err := last.CheckHRS(height, round, step)
	if err != nil {
		return nil, nil, err
	}
	if again {
		return v.signAgain(message, parse)
	}
	signature, err := s.PrivKey.Sign(message)
	if err != nil {
		return nil, nil, err
	}
	s.LastHeight, s.LastRound, s.LastStep, s.LastSignature, s.LastSignBytes = height, round, step, signature, message
	return signature, nil, v.save()
}

func (v *validator) signAgain(
	message []byte, parse func([]byte) (*time.Time, any, error),
) ([]byte, *time.Time, error) {
	if bytes.Equal(message, v.state.LastSignBytes) {
		return v.state.LastSignature, nil, nil
	}
	oldTime, oldMessage, err := parse(v.state.LastSignBytes)
	if err != nil {
		return nil, nil, err
	}
	newTime, newMessage, err := parse(message)
	if err != nil {
		return nil, nil, err
	}
	at := *oldTime
	*newTime = at
	if !bytes.Equal(cdc.MustMarshalBinaryBare(oldMessage), cdc.MustMarshalBinaryBare(newMessage)) {
		return nil, nil, errors.New("conflicting data")
	}
	return v.state.LastSignature, &at, nil
}
