using System.Text;
using Mooring.Gateway.Hub.Resp;

namespace Mooring.Gateway.Tests.Hub.Resp;

public sealed class RespPureTests
{
    [Theory]
    // The specification's own example of the checksum, and slots as redis-server 7 gives them.
    [InlineData("123456789", 0x31C3)]
    [InlineData("foo", 12182)]
    [InlineData("{user1000}.following", 3443)]
    [InlineData("user1000", 3443)]
    [InlineData("foo{}{bar}", 8363)]
    [InlineData("foo{{bar}}zap", 4015)]
    [InlineData("foo{bar}{zap}", 5061)]
    public void KeySlot_HashTags(string key, int slot) => KeySlot.Of(Encoding.UTF8.GetBytes(key)).ShouldBe(slot & 16_383);

    [Fact]
    public void KeySlot_Checksum() => KeySlot.Crc16("123456789"u8).ShouldBe((ushort)0x31C3);

    [Fact]
    public void Command_IsAnArrayOfTexts()
    {
        var command = RespCommand.For("k", "SET", "k", 12, new byte[] { 1, 13, 10 });
        Encoding.UTF8.GetString(command.Bytes.Span).ShouldBe("*4\r\n$3\r\nSET\r\n$1\r\nk\r\n$2\r\n12\r\n$3\r\n\u0001\r\n\r\n");
        command.Slot.ShouldBe(KeySlot.Of("k"u8));
        Encoding.UTF8.GetString(RespCommand.Of("GET", "é").Bytes.Span).ShouldBe("*2\r\n$3\r\nGET\r\n$2\r\né\r\n");
        RespCommand.Ping.Slot.ShouldBe(-1);
    }

    [Fact]
    public void ClusterMap_SlotsAndEmptyHosts()
    {
        var asked = new RespEndpoint("10.0.0.9", 7000);
        var map = ClusterMap.Parse(List(Range(0, 5, "10.0.0.1", 7001), Range(6, 6, "", 7002), Range(8, 16_383, "10.0.0.1", 7001)), asked);
        map[0].ShouldBe(new RespEndpoint("10.0.0.1", 7001));
        map[6].ShouldBe(new RespEndpoint("10.0.0.9", 7002));
        map[7].ShouldBeNull();
        map[16_383].ShouldBeSameAs(map[0]);
        map.Masters.Count.ShouldBe(2);
    }

    [Fact]
    public void ClusterMap_WhatIsNone_IsRefused()
    {
        var asked = new RespEndpoint("h", 1);
        RespValue[] bad =
        [
            List(List(RespValue.OfInteger(0), RespValue.OfInteger(1))),
            List(Range(5, 4, "h", 1)),
            List(Range(-1, 4, "h", 1)),
            List(Range(0, 16_384, "h", 1)),
            List(Range(0, 1, "h", 0)),
            List(Range(0, 1, new string('h', 254), 1)),
            List([.. Enumerable.Range(0, 1025).Select(i => Range(i, i, "h", i + 1))]),
            RespValue.OfInteger(1),
        ];
        foreach (var reply in bad)
        {
            Should.Throw<RespShapeException>(() => ClusterMap.Parse(reply, asked));
        }
    }

    [Theory]
    [InlineData("MOVED 3999 127.0.0.1:6381", false, 3999, "127.0.0.1:6381")]
    [InlineData("ASK 1 [::1]:6381", true, 1, "[::1]:6381")]
    [InlineData("MOVED 1 :6381", false, 1, "here:6381")]
    public void Redirect_Target(string error, bool ask, int slot, string target)
    {
        var redirect = ClusterMap.Redirect(error, new RespEndpoint("here", 1)).ShouldNotBeNull();
        (redirect.Ask, redirect.Slot, redirect.Target.ToString()).ShouldBe((ask, slot, target));
    }

    [Theory]
    [InlineData("ERR unknown")]
    [InlineData("MOVED 16384 h:1")]
    [InlineData("MOVED 1 h:0")]
    [InlineData("MOVED 1 h")]
    [InlineData("MOVED 1")]
    public void Redirect_WhatIsNone(string error) => ClusterMap.Redirect(error, new RespEndpoint("here", 1)).ShouldBeNull();

    private static RespValue Range(int first, int last, string host, int port) =>
        List(
            RespValue.OfInteger(first),
            RespValue.OfInteger(last),
            List(RespValue.OfBytes(RespKind.Bulk, Encoding.UTF8.GetBytes(host)), RespValue.OfInteger(port))
        );

    private static RespValue List(params RespValue[] items) => RespValue.OfItems(RespKind.Array, items);
}
