using System.Net;
using Mooring.Contracts.Configuration;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Listeners;

/// <summary>PROXY headers to and from HAProxy itself, which wrote the specification. Skipped where it is not on the PATH.</summary>
public sealed class HaproxyTests
{
    [HaproxyTheory]
    [InlineData(ProxyProtocolVersion.V1)]
    [InlineData(ProxyProtocolVersion.V2)]
    public async Task AcceptProxy_OurHeader_IsUnderstood(ProxyProtocolVersion version)
    {
        await using var haproxy = await HaproxyProcess.StartAsync(port =>
            $"""
                frontend in
                    mode http
                    bind 127.0.0.1:{port} accept-proxy
                    http-request return status 200 content-type text/plain lf-string "%[src]:%[src_port] %[dst]:%[dst_port] %[fc_pp_unique_id,length]"
                """
        );
        await using var harness = new EngineHarness();
        var port = (await harness.ListenAsync())[0];
        ProxyProtocolTlv[] tlvs = version == ProxyProtocolVersion.V1 ? [] : [ProxyProtocolTlv.UniqueId, ProxyProtocolTlv.Crc32C];
        await harness.ApplyAsync(
            ProxyProtocolTests.Config(port, haproxy.Port, null, new BackendProxyProtocolConfig { Version = version, Tlvs = tlvs })
        );
        using var client = await EngineHarness.ConnectAsync(port);
        await client.SendAsync("GET / HTTP/1.0\r\n\r\n"u8.ToArray());

        var answer = await ProxyProtocolTests.ReadAsync(client, 10_000);

        answer.ShouldEndWith($"\r\n\r\n{client.LocalEndPoint} {client.RemoteEndPoint} {(version == ProxyProtocolVersion.V1 ? "" : "32")}");
    }

    [HaproxyTheory]
    [InlineData("send-proxy")]
    [InlineData("send-proxy-v2")]
    [InlineData("send-proxy-v2 proxy-v2-options unique-id,crc32c")]
    public async Task SendProxy_ItsHeader_IsUnderstood(string option)
    {
        using var server = new TestServer();
        await using var harness = new EngineHarness();
        var port = (await harness.ListenAsync())[0];
        await harness.ApplyAsync(ProxyProtocolTests.Config(port, server.Port, new ProxyProtocolConfig { Trusted = ["127.0.0.1"] }));
        await using var haproxy = await HaproxyProcess.StartAsync(listen =>
            $"""
                frontend in
                    bind 127.0.0.1:{listen}
                    unique-id-format id-%ci
                    default_backend out
                backend out
                    server gateway 127.0.0.1:{port} {option}
                """
        );
        var client = await EngineHarness.ConnectAsync(haproxy.Port);
        var local = (IPEndPoint)client.LocalEndPoint!;
        await client.SendAsync("hello"u8.ToArray());
        (await ProxyProtocolTests.ReadAsync(client, 5)).ShouldBe("hello");
        client.Dispose();

        await Until.TrueAsync(
            () => harness.Records.Any(record => record.ClientPort == local.Port),
            EngineHarness.Patience,
            "a record of the client's own port"
        );
        var record = harness.Records.Single(record => record.ClientPort == local.Port);
        record.ClientAddress.ToIPAddress().ShouldBe(local.Address);
        record.Proxy!.UniqueId.ShouldBe(option.Contains("unique-id", StringComparison.Ordinal) ? "id-127.0.0.1" : null);
        record.Received.ShouldBe(5);
    }

    [HaproxyFact]
    public async Task SendProxy_HealthChecks_AreServed()
    {
        using var server = new TestServer();
        await using var harness = new EngineHarness();
        var port = (await harness.ListenAsync())[0];
        await harness.ApplyAsync(ProxyProtocolTests.Config(port, server.Port, new ProxyProtocolConfig { Trusted = ["127.0.0.1"] }));
        // Its checks send LOCAL (v2), and a byte that has to come back.
        await using var haproxy = await HaproxyProcess.StartAsync(listen =>
            $"""
                frontend in
                    bind 127.0.0.1:{listen}
                    default_backend out
                backend out
                    option tcp-check
                    tcp-check connect send-proxy
                    tcp-check send ping
                    tcp-check expect string ping
                    server gateway 127.0.0.1:{port} send-proxy-v2 check inter 200ms fall 1 rise 1
                """
        );

        await Until.TrueAsync(() => harness.Records.Count(record => record.Received == 4) >= 2, EngineHarness.Patience, "two checks");

        harness.Engine.ListenerLoads().Single().RefusedTotal.ShouldBeEmpty();
        harness.Records.ShouldAllBe(record => record.ClientAddress.ToIPAddress().Equals(IPAddress.Loopback));
    }
}
