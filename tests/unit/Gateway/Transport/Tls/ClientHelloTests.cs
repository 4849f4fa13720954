using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Mooring.Gateway.Transport.Tls;

namespace Mooring.Gateway.Tests.Transport.Tls;

public sealed class ClientHelloTests
{
    [Theory]
    [InlineData("a.example.com")]
    [InlineData("x")]
    [InlineData("UPPER.Example.COM")]
    public void Read_WithName_FindsIt(string name) => Read(Hellos.Whole(name)).ShouldBe((HelloVerdict.Whole, name));

    [Fact]
    public void Read_WithoutName_IsWholeAndEmpty() => Read(Hellos.Whole(null)).ShouldBe((HelloVerdict.Whole, ""));

    [Fact]
    public void Read_EveryPrefix_WantsMore()
    {
        var hello = Hellos.Records(Hellos.Message("a.example.com"), 1, 7, 50);
        for (var length = 0; length < hello.Length; length++)
        {
            Read(hello[..length]).ShouldBe((HelloVerdict.More, ""), $"{length} bytes");
        }

        Read(hello).ShouldBe((HelloVerdict.Whole, "a.example.com"));
        Read([.. hello, 1, 2, 3]).ShouldBe((HelloVerdict.Whole, "a.example.com"));
    }

    /// <summary>However it is cut into records, only its last byte makes it whole.</summary>
    [Fact]
    public void Arrived_AnyRecords_WithTheLastByteAlone() =>
        Prop.ForAll(
                Gen.Choose(4, 200).ListOf(60).ToArbitrary(),
                Gen.Choose(0, 3000).ToArbitrary(),
                (lengths, padding) =>
                {
                    var hello = Hellos.Records(Hellos.Message("one.example.com", padding), [.. lengths]);
                    return Enumerable
                            .Range(0, hello.Length)
                            .All(length => ClientHello.Arrived(hello.AsSpan(0, length)) == HelloVerdict.More)
                        && ClientHello.Arrived(hello) == HelloVerdict.Whole
                        && ClientHello.Arrived([.. hello, 1, 2, 3]) == HelloVerdict.Whole;
                }
            )
            .Check(Config.QuickThrowOnFailure.WithMaxTest(30));

    [Fact]
    public void Arrived_LongestAndMostRecords_AreTaken_AndMoreIsRefused()
    {
        var frame = Hellos.Message("a.example.com", 1).Length - 4 - 1;
        var longest = Hellos.Message("a.example.com", ClientHello.MaxBytes - frame);
        var records = Enumerable.Repeat(100, ClientHello.MaxRecords - 1).ToArray();
        var hello = Hellos.Records(longest, records);
        hello.Length.ShouldBe(ClientHello.MaxWireBytes);
        ClientHello.Arrived(hello).ShouldBe(HelloVerdict.Whole);
        ClientHello.Arrived(Hellos.Records(longest, [.. records, 100])).ShouldBe(HelloVerdict.Refused);
        var longer = Hellos.Message("a.example.com", ClientHello.MaxBytes - frame + 1);
        ClientHello.Arrived(Hellos.Records(longer, 16_000).AsSpan(0, ClientHello.HeaderBytes)).ShouldBe(HelloVerdict.Refused);
        ClientHello.Arrived(Hellos.Records(Hellos.Message("a.example.com"), 3)).ShouldBe(HelloVerdict.Refused);
    }

    [Theory]
    [InlineData("GET / HTTP/1.1\r\n")]
    [InlineData("SSH-2.0-OpenSSH")]
    [InlineData("\u0015\u0003\u0001")]
    [InlineData("\u0016\u0002")]
    public void Read_OtherProtocols_AreRefusedAtOnce(string text) =>
        Read(Encoding.Latin1.GetBytes(text)).ShouldBe((HelloVerdict.Refused, ""));

    [Fact]
    public void Read_LongestAndLonger_AreTakenAndRefused()
    {
        var frame = Hellos.Message("a.example.com", 1).Length - 4 - 1;
        var longest = Hellos.Message("a.example.com", ClientHello.MaxBytes - frame);
        Read(Hellos.Records(longest, 16_000)).ShouldBe((HelloVerdict.Whole, "a.example.com"));
        var longer = Hellos.Message("a.example.com", ClientHello.MaxBytes - frame + 1);
        // By its declared length, before any of it is here.
        Read(Hellos.Records(longer, 16_000)[..ClientHello.HeaderBytes]).ShouldBe((HelloVerdict.Refused, ""));
    }

    [Fact]
    public void Read_TooManyRecords_IsRefused()
    {
        var message = Hellos.Message("a.example.com");
        Read(Hellos.Records(message, [.. Enumerable.Repeat(1, ClientHello.MaxRecords - 1)]))
            .ShouldBe((HelloVerdict.Whole, "a.example.com"));
        Read(Hellos.Records(message, [.. Enumerable.Repeat(1, ClientHello.MaxRecords)])).ShouldBe((HelloVerdict.Refused, ""));
    }

    [Theory]
    [InlineData("a b")]
    [InlineData("a\u0001")]
    public void Read_NameThatIsNone_IsRefused(string name) => Read(Hellos.Whole(name)).ShouldBe((HelloVerdict.Refused, ""));

    [Fact]
    public void Read_NameTooLong_IsRefused()
    {
        Read(Hellos.Whole(new string('a', 255))).Verdict.ShouldBe(HelloVerdict.Whole);
        Read(Hellos.Whole(new string('a', 256))).ShouldBe((HelloVerdict.Refused, ""));
    }

    /// <summary>However a ClientHello is cut into records, the same is read from it.</summary>
    [Fact]
    public void Read_AnyRecords_GiveTheSame() =>
        Prop.ForAll(
                Gen.Choose(1, 200).ListOf(60).ToArbitrary(),
                Gen.Choose(0, 3000).ToArbitrary(),
                (lengths, padding) =>
                    Read(Hellos.Records(Hellos.Message("one.example.com", padding), [.. lengths]))
                    == (HelloVerdict.Whole, "one.example.com")
            )
            .QuickCheckThrowOnFailure();

    /// <summary>Whatever bytes come: no exception, nothing read beyond them, and a verdict that more bytes do not take back.</summary>
    [Fact]
    public void Read_MutatedHello_NeverThrowsAndNeverChangesItsMind() =>
        Prop.ForAll(
                Gen.Choose(0, int.MaxValue).ToArbitrary(),
                seed =>
                {
                    var random = new System.Random(seed);
                    var hello = Hellos.Records(
                        Hellos.Message("fuzz.example.com", random.Next(300)),
                        [.. Enumerable.Range(0, random.Next(5)).Select(_ => random.Next(1, 120))]
                    );
                    for (var changes = random.Next(1, 6); changes > 0; changes--)
                    {
                        hello[random.Next(hello.Length)] = (byte)random.Next(256);
                    }

                    var decided = HelloVerdict.More;
                    for (var length = 0; length <= hello.Length; length++)
                    {
                        var (verdict, name) = Read(hello[..length]);
                        if ((decided != HelloVerdict.More && verdict != decided) || name.Length > ClientHello.MaxNameBytes)
                        {
                            return false;
                        }

                        decided = verdict;
                    }

                    return true;
                }
            )
            .Check(Config.QuickThrowOnFailure.WithMaxTest(500));

    [Fact]
    public void Read_Garbage_NeverThrows() =>
        Prop.ForAll(
                ArbMap.Default.ArbFor<byte[]>(),
                garbage =>
                {
                    _ = Read(garbage);
                    _ = Read([22, 3, 1, .. garbage]);
                    return ClientHello.Arrived(garbage) is HelloVerdict.More or HelloVerdict.Refused or HelloVerdict.Whole;
                }
            )
            .QuickCheckThrowOnFailure();

    private static (HelloVerdict Verdict, string Name) Read(byte[] bytes)
    {
        var verdict = ClientHello.Read(bytes, new byte[ClientHello.MaxBytes + 4], out var name);
        return (verdict, Encoding.ASCII.GetString(name));
    }
}
