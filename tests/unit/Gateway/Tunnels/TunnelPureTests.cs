using FsCheck;
using FsCheck.Fluent;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Registry;
using Mooring.Gateway.Transport.Tls;
using Mooring.Gateway.Tunnels;
using Mooring.Gateway.Tunnels.Client;
using Mooring.Gateway.Tunnels.Protocol;

namespace Mooring.Gateway.Tests.Tunnels;

public sealed class TunnelPureTests
{
    [Fact]
    public void TunnelId_SurvivesTheUuid() =>
        Prop.ForAll<uint, int, ulong>(
                (owner, place, secret) =>
                {
                    var id = new TunnelId(owner, (byte)(place >> 24), place & TunnelId.MaxSlot, secret);
                    return TunnelId.Read(Guid.Parse(id.ToGuid().ToString("D"))) == id;
                }
            )
            .QuickCheckThrowOnFailure();

    [Fact]
    public void PortSet_SurvivesTheText() =>
        Prop.ForAll<ushort[]>(ports =>
                PortSet
                    .Read(PortSet.Write([.. ports.Select(port => (int)port).Distinct()]))
                    .SequenceEqual(ports.Select(port => (int)port).Distinct().Order())
            )
            .QuickCheckThrowOnFailure();

    [Theory]
    [InlineData("")]
    [InlineData("x")]
    [InlineData("70000:AA==")]
    [InlineData("20000:no-base!")]
    [InlineData(":")]
    public void PortSet_OfGarbage_IsEmpty(string text) => PortSet.Read(text).ShouldBeEmpty();

    [Fact]
    public void PortSet_BeyondTheLastPort_IsCutOff() => PortSet.Read("65535://///w==").ShouldBe([65_535]);

    [Fact]
    public void Messages_OfAnyBytes_NeverThrow() =>
        Prop.ForAll<byte[]>(bytes => ClientMessage.Parse(bytes).Verb == ClientVerb.Unknown || bytes.Length > 8).QuickCheckThrowOnFailure();

    [Theory]
    [InlineData("{\"Accept\":\"\\ud800\"}")]
    [InlineData("{\"Ready\":\"\\udc00\"}")]
    [InlineData("{\"Authenticate\":\"\\ud800\\ud800\"}")]
    public void ClientMessage_WithHalfACharacter_IsNone(string text) =>
        ClientMessage.Parse(System.Text.Encoding.UTF8.GetBytes(text)).Verb.ShouldBe(ClientVerb.Unknown);

    [Theory]
    [InlineData("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", "a.example")]
    [InlineData("GET / HTTP/1.1\r\nX: y\r\nhost:  A.example:8080 \r\n\r\nHost: b.example\r\n\r\n", "A.example")]
    public void HostField_IsFound(string head, string host)
    {
        HostField.Read(System.Text.Encoding.ASCII.GetBytes(head), out var name).ShouldBe(HelloVerdict.Whole);
        System.Text.Encoding.ASCII.GetString(name).ShouldBe(host);
    }

    [Theory]
    [InlineData("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n")]
    [InlineData("GET / HTTP/1.1\r\n\r\n")]
    [InlineData("\x01\x02\x03")]
    public void HostField_OfNoUse_IsRefused(string head) =>
        HostField.Read(System.Text.Encoding.ASCII.GetBytes(head), out _).ShouldBe(HelloVerdict.Refused);

    [Fact]
    public void HostField_InPieces_WaitsForAll()
    {
        var head = "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"u8;
        for (var i = 1; i < head.Length; i++)
        {
            HostField.Read(head[..i], out _).ShouldBe(HelloVerdict.More);
        }
    }

    [Theory]
    [InlineData("9000", TunnelProtocol.Tcp, "127.0.0.1", 9000, 0, null)]
    [InlineData("10.0.0.1:80@20001", TunnelProtocol.Tcp, "10.0.0.1", 80, 20_001, null)]
    [InlineData("53:udp", TunnelProtocol.Udp, "127.0.0.1", 53, 0, null)]
    [InlineData("53:udp@20053", TunnelProtocol.Udp, "127.0.0.1", 53, 20_053, null)]
    [InlineData("8080@shop", TunnelProtocol.Name, "127.0.0.1", 8080, 0, "shop")]
    [InlineData("8080@", TunnelProtocol.Name, "127.0.0.1", 8080, 0, null)]
    [InlineData("[::1]:8080", TunnelProtocol.Tcp, "::1", 8080, 0, null)]
    public void LocalPort_Parse(string text, object protocol, string host, int port, int wanted, string? name) =>
        LocalPort.Parse(text).ShouldBe(new LocalPort((TunnelProtocol)protocol, host, port, wanted, name));

    [Theory]
    [InlineData("")]
    [InlineData("0")]
    [InlineData("70000")]
    [InlineData("53:udp@name")]
    [InlineData("host:")]
    public void LocalPort_Bad_IsNone(string text) => LocalPort.Parse(text).ShouldBeNull();

    [Theory]
    [InlineData("gateway.example.com", "gateway.example.com", 7835)]
    [InlineData("gateway.example.com:9000", "gateway.example.com", 9000)]
    [InlineData("::1", "::1", 7835)]
    [InlineData("[::1]", "::1", 7835)]
    [InlineData("[::1]:9000", "::1", 9000)]
    public void Target_Parse(string text, string host, int port) => TunnelOptions.ParseTarget(text).ShouldBe((host, port));

    [Theory]
    [InlineData("")]
    [InlineData(":9000")]
    [InlineData("host:")]
    [InlineData("host:0")]
    [InlineData("host:65536")]
    [InlineData("host:x")]
    [InlineData("[::1")]
    [InlineData("[]:9000")]
    [InlineData("[::1]9000")]
    public void Target_Bad_IsNone(string text) => TunnelOptions.ParseTarget(text).ShouldBeNull();

    [Theory]
    [InlineData(0, false, 900, 1, null)]
    [InlineData(1000, false, 799, 1, null)]
    [InlineData(1000, false, 800, 1, "fleet_bandwidth")]
    // Not known: what is open here may use this gateway's half of what the reserve leaves.
    [InlineData(1000, true, 0, 2, null)]
    [InlineData(1000, true, 0, 4, "fleet_bandwidth")]
    public void Admission_KeepsTheReserve(long total, bool stale, long moved, int open, string? reason)
    {
        var gateways = new[]
        {
            new GatewayRecord { Name = "a", Bandwidth = moved },
            new GatewayRecord { Name = "b" },
        };
        var registry = new TunnelRegistry(null!, new GatewayId("a", 1), TimeSpan.FromSeconds(60), null, gateways, 20, stale);
        var capacity = new TunnelCapacityConfig { TotalBandwidthBitsPerSecond = total, MaxBandwidthBitsPerSecond = 100 };
        TunnelAdmission.WhyFull(registry, capacity, open)?.Reason.ShouldBe(reason);
        (TunnelAdmission.WhyFull(registry, capacity, open) is null).ShouldBe(reason is null);
    }

    [Fact]
    public void Environment_CompletesAConfig()
    {
        var variables = new Dictionary<string, string>
        {
            ["MAX_TUNNELS_PER_SERVER"] = "7",
            ["MAX_BANDWIDTH_PER_TUNNEL"] = "0",
            ["TOTAL_SYSTEM_CAPACITY"] = "1000000000",
            ["RESERVED_CAPACITY_PERCENT"] = "25",
        };
        var (environment, errors) = TunnelEnvironment.Read(variables.GetValueOrDefault);
        errors.ShouldBeEmpty();
        var config = environment.Complete(new GatewayConfig { Fleet = "a/b" });
        config.Capacity.ReservedPercent.ShouldBe(25);
        config.Capacity.Tunnels.ShouldBe(
            new TunnelCapacityConfig
            {
                MaxTunnels = 7,
                MaxBandwidthBitsPerSecond = 0,
                TotalBandwidthBitsPerSecond = 1_000_000_000,
            }
        );
        var own = new GatewayConfig
        {
            Fleet = "a/b",
            Capacity = new CapacityConfig
            {
                ReservedPercent = 5,
                Tunnels = new TunnelCapacityConfig { MaxTunnels = 1 },
            },
        };
        environment.Complete(own).ShouldBe(own);
    }

    [Theory]
    [InlineData("MAX_TUNNELS_PER_SERVER", "0")]
    [InlineData("MAX_BANDWIDTH_PER_TUNNEL", "many")]
    [InlineData("TOTAL_SYSTEM_CAPACITY", "-1")]
    [InlineData("RESERVED_CAPACITY_PERCENT", "91")]
    public void Environment_Bad_NamesTheVariable(string name, string value) =>
        TunnelEnvironment.Read(key => key == name ? value : null).Errors.ShouldHaveSingleItem().ShouldStartWith($"{name}: '{value}'");

    [Fact]
    public void Error_FitsIntoAFrameOfBore()
    {
        ServerMessage.Error(new string('ü', 500)).Length.ShouldBeLessThanOrEqualTo(ClientMessage.MaxBytes + 1);
        ServerMessage.Error(new string('\u0001', 500)).Length.ShouldBeLessThanOrEqualTo(ClientMessage.MaxBytes + 1);
    }
}
