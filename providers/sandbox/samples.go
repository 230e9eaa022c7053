package sandbox

import "time"

// samplePayments are the payments of examples/refunds.csv.
var samplePayments = []Payment{
	{Company: UnitPay, ID: "1234512345", Minor: 500_00},
	{Company: UnitPay, ID: "1234512346", Minor: 500_00},
	{Company: UnitPay, ID: "1234512347", Minor: 320_00},
	{Company: UnitPay, ID: "1234512348", Minor: 600_00},
	{Company: UnitPay, ID: "1234512349", Minor: 210_00},
	{Company: Maib, ID: "8ce09e40-2948-4225-a9c4-f277dbd58701", Minor: 150_61},
	{Company: Maib, ID: "8ce09e40-2948-4225-a9c4-f277dbd58702", Minor: 250_00},
	{Company: Maib, ID: "8ce09e40-2948-4225-a9c4-f277dbd58703", Minor: 80_00},
	{Company: Sberbank, ID: "70906e55-7114-41d6-8332-4609dc6590f1", Minor: 199_00, PointsMinor: 77_00},
	{Company: Sberbank, ID: "70906e55-7114-41d6-8332-4609dc6590f2", Minor: 2000_00, PointsMinor: 1960_80},
	{Company: Sberbank, ID: "70906e55-7114-41d6-8332-4609dc6590f3", Minor: 500_00},
	{Company: Sberbank, ID: "70906e55-7114-41d6-8332-4609dc6590f4", Minor: 900_00, PointsMinor: 300_00},
}

// LoadSamples adds the payments that examples/refunds.csv refunds, and arms the
// faults that make its declined row, its rows with a lost answer and its row of
// which one leg moves so.
func LoadSamples(s *Server) {
	for _, p := range samplePayments {
		s.AddPayment(p)
	}
	s.Fail(UnitPay, "1234512347", Fault{Kind: Declined})
	s.Fail(UnitPay, "1234512348", Fault{Kind: LostAnswer, Delay: time.Second})
	s.Fail(Sberbank, "70906e55-7114-41d6-8332-4609dc6590f2", Fault{Kind: ResetAfter})
	s.Fail(Sberbank, "70906e55-7114-41d6-8332-4609dc6590f4", Fault{Kind: PartialOutcome})
}
