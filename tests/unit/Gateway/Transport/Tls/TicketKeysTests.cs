using Mooring.Gateway.Transport.Tls;

namespace Mooring.Gateway.Tests.Transport.Tls;

public sealed unsafe class TicketKeysTests
{
    private static readonly DateTimeOffset Start = new(2026, 11, 21, 10, 30, 0, TimeSpan.Zero);
    private static readonly byte[] Seed = TicketKeys.Seed("key"u8, "scope"u8);

    [Fact]
    public void At_SameSeedAndHour_IsTheSameOnEveryGateway()
    {
        var one = TicketKeys.At([Seed], Start, null);
        var other = TicketKeys.At([Seed], Start.AddMinutes(20), null);
        Name(one, tls13: true).ShouldBe(Name(other, tls13: true));
        Name(one, tls13: false).ShouldNotBe(Name(other, tls13: false));
    }

    [Fact]
    public void At_OtherSeedOrScope_IsAnother()
    {
        var one = Name(TicketKeys.At([Seed], Start, null), tls13: true);
        Name(TicketKeys.At([TicketKeys.Seed("key2"u8, "scope"u8)], Start, null), tls13: true).ShouldNotBe(one);
        Name(TicketKeys.At([TicketKeys.Seed("key"u8, "scope2"u8)], Start, null), tls13: true).ShouldNotBe(one);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Find_OlderKeys_OpenForTwoHoursAndSealNoMore(bool tls13)
    {
        var keys = TicketKeys.At([Seed], Start, null);
        var name = Name(keys, tls13);
        Opens(keys, name).ShouldBe((true, true));
        for (var hours = 1; hours <= 2; hours++)
        {
            keys = TicketKeys.At([Seed], Start.AddHours(hours), keys);
            Opens(keys, name).ShouldBe((true, false), $"{hours} h later");
        }

        Opens(TicketKeys.At([Seed], Start.AddHours(3), keys), name).ShouldBe((false, false));
    }

    [Fact]
    public void Find_NextHoursKey_OpensForAGatewayWhoseClockIsBehind()
    {
        var ahead = TicketKeys.At([Seed], Start.AddHours(1), null);
        Opens(TicketKeys.At([Seed], Start, null), Name(ahead, tls13: true)).ShouldBe((true, false));
    }

    [Fact]
    public void Find_KeyOfTheCertificateBefore_Opens()
    {
        var old = TicketKeys.At([Seed], Start, null);
        var renewed = TicketKeys.At([TicketKeys.Seed("new"u8, "scope"u8), Seed], Start, old);
        Opens(renewed, Name(old, tls13: true)).ShouldBe((true, false));
        Opens(renewed, Name(old, tls13: false)).ShouldBe((true, true));
    }

    [Fact]
    public void At_LongPause_ForgetsAllLocalKeys()
    {
        var old = TicketKeys.At([Seed], Start, null);
        Opens(TicketKeys.At([Seed], Start.AddDays(3), old), Name(old, tls13: false)).ShouldBe((false, false));
    }

    private static byte[] Name(TicketKeys keys, bool tls13) => new ReadOnlySpan<byte>(keys.Sealing(tls13), TicketKeys.NameBytes).ToArray();

    private static (bool Opens, bool Seals) Opens(TicketKeys keys, byte[] name) => (keys.Find(name, out var seals) != null, seals);
}
