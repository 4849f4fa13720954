using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using Mooring.Contracts.Configuration;
using Mooring.Gateway.Tests.Transport.Tls;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Listeners.Tls;

/// <summary>What backends and the access log are told of a client that came by TLS.</summary>
public sealed class ProxyTlsTests
{
    [Fact]
    public async Task Terminated_NameProtocolVersionAndCertificate_AreTold()
    {
        await using var gateway = new TlsHarness();
        using var server = new ProxyCapture();
        await ServeAsync(gateway, server.Port, Enum.GetValues<ProxyProtocolTlv>());
        var certificate = Load(gateway.Authority.Issue("ännchen-7", "client"));
        await using (
            var client = await TlsStreams.ConnectAsync(
                gateway.Port,
                gateway.Authority,
                change: options =>
                {
                    options.ClientCertificates = [certificate];
                    options.ApplicationProtocols = [new SslApplicationProtocol("mqtt")];
                }
            )
        )
        {
            await TlsTransfer.EchoAsync(client, 2_000, 1_000, seed: 1);
        }

        var told = await server.NextAsync();
        (told.Authority, told.Alpn, told.SslVersion, told.SslCommonName).ShouldBe(("a.example.com", "mqtt", "TLSv1.3", "ännchen-7"));
        // TLS, a certificate over this connection and in its session; verified.
        told.Ssl[..5].ShouldBe([7, 0, 0, 0, 0]);
        Encoding.ASCII.GetString(told.Ssl).ShouldEndWith("#\0\u0016TLS_AES_128_GCM_SHA256");

        await Until.TrueAsync(() => gateway.Gateway.Records.Count == 1, EngineHarness.Patience, "it is logged");
        gateway.Gateway.Records[0].Tls.ShouldBe(new("a.example.com", "mqtt", "TLSv1.3", "TLS_AES_128_GCM_SHA256", "ännchen-7"));
        gateway.Gateway.Records[0].Proxy.ShouldBeNull();
    }

    [Fact]
    public async Task Terminated_WithoutCertificate_IsTlsButNotVerified()
    {
        await using var gateway = new TlsHarness();
        using var server = new ProxyCapture();
        await ServeAsync(gateway, server.Port, [ProxyProtocolTlv.SslCommonName]);
        await using (var client = await TlsTransfer.ConnectAsync(gateway, tls: true))
        {
            await TlsTransfer.EchoAsync(client, 2_000, 1_000, seed: 1);
        }

        var told = await server.NextAsync();
        (told.Authority, told.Alpn, told.SslVersion, told.SslCommonName).ShouldBe(("", "", "TLSv1.3", ""));
        told.Ssl[..5].ShouldBe([1, 0, 0, 0, 1]);
    }

    /// <summary>A resumed session has its client's certificate, which was not presented again.</summary>
    [Theory]
    [InlineData("-tls1_2")]
    [InlineData("-tls1_3")]
    public async Task Resumed_CertificateIsOfTheSession(string version)
    {
        await using var gateway = new TlsHarness();
        using var server = new ProxyCapture();
        await ServeAsync(gateway, server.Port, [ProxyProtocolTlv.SslCommonName, ProxyProtocolTlv.Authority]);
        var certificate = gateway.Authority.Issue("client-7", "client");
        var session = Path.Combine(gateway.Authority.Folder, "session.pem");
        string[] options = [version, "-servername", "a.example.com", "-cert", certificate.CertificateFile, "-key", certificate.KeyFile];
        (await OpenSslPeerTests.TalkAsync(gateway, [.. options, "-sess_out", session], "one\n", "one")).ShouldContain("New, ");
        var first = await server.NextAsync();
        (first.Ssl[0], first.SslCommonName, first.Authority).ShouldBe(((byte)7, "client-7", "a.example.com"));
        (await OpenSslPeerTests.TalkAsync(gateway, [.. options, "-sess_in", session], "two\n", "two")).ShouldContain("Reused, ");
        var second = await server.NextAsync();
        (second.Ssl[0], second.SslCommonName, second.Authority).ShouldBe(((byte)5, "client-7", "a.example.com"));
        second.Ssl[1..5].ShouldBe([0, 0, 0, 0]);
    }

    [Fact]
    public async Task PassedThrough_NameIsToldAndLogged()
    {
        await using var gateway = new TlsHarness();
        using var server = new ProxyCapture();
        var port = (await gateway.Gateway.ListenAsync())[0];
        var config = EngineHarness.Config(port, server.Port);
        var tls = new TlsListenerConfig
        {
            Mode = TlsMode.Passthrough,
            Routes = [new ServerNameRouteConfig { ServerNames = ["*.example.com"], Backend = "relay" }],
        };
        await gateway.Gateway.ApplyAsync(
            config with
            {
                Listeners = [config.Listeners[0] with { Backend = null, Tls = tls }],
                Backends = [config.Backends[0] with { ProxyProtocol = Tlvs([ProxyProtocolTlv.Authority, ProxyProtocolTlv.Ssl]) }],
            }
        );
        using (var client = await EngineHarness.ConnectAsync(port))
        {
            await client.SendAsync(Hellos.Whole("b.example.com"));
            var told = await server.NextAsync();
            told.Authority.ShouldBe("b.example.com");
            // Nothing is known of it: it is not the gateway's.
            told.Ssl.ShouldBe([0, 0, 0, 0, 1]);
        }

        await Until.TrueAsync(() => gateway.Gateway.Records.Count == 1, EngineHarness.Patience, "it is logged");
        gateway.Gateway.Records[0].Tls.ShouldBe(new("b.example.com"));
    }

    [HaproxyFact]
    public async Task Haproxy_TakesTheName()
    {
        await using var haproxy = await HaproxyProcess.StartAsync(port =>
            $"""
                frontend in
                    mode http
                    bind 127.0.0.1:{port} accept-proxy
                    http-request return status 200 content-type text/plain lf-string "%[fc_pp_authority] %[src]"
                """
        );
        await using var gateway = new TlsHarness();
        await ServeAsync(gateway, haproxy.Port, Enum.GetValues<ProxyProtocolTlv>());
        await using var client = await TlsStreams.ConnectAsync(gateway.Port, gateway.Authority);
        await client.WriteAsync("GET / HTTP/1.0\r\n\r\n"u8.ToArray());
        using var reader = new StreamReader(client);
        using var limit = new CancellationTokenSource(EngineHarness.Patience);
        (await reader.ReadToEndAsync(limit.Token)).ShouldEndWith("\r\n\r\na.example.com 127.0.0.1");
    }

    /// <summary>Of the same client the same bytes.</summary>
    [HaproxyTheory]
    [InlineData("-tls1_2")]
    [InlineData("-tls1_3")]
    public async Task Haproxy_SaysTheSame(string version)
    {
        await using var gateway = new TlsHarness();
        using var server = new ProxyCapture();
        await ServeAsync(gateway, server.Port, [ProxyProtocolTlv.SslCommonName, ProxyProtocolTlv.Authority]);
        var pair = gateway.Authority.Files("a");
        var both = Path.Combine(gateway.Authority.Folder, "both.pem");
        await File.WriteAllTextAsync(
            both,
            await File.ReadAllTextAsync(pair.CertificateFile) + "\n" + await File.ReadAllTextAsync(pair.KeyFile)
        );
        await using var haproxy = await HaproxyProcess.StartAsync(port =>
            $"""
                frontend in
                    bind 127.0.0.1:{port} ssl crt {both} ca-file {gateway.Authority.CaFile} verify optional
                    timeout client 5s
                    default_backend out
                backend out
                    timeout server 5s
                    server capture 127.0.0.1:{server.Port} send-proxy-v2 proxy-v2-options ssl,cert-cn,ssl-cipher,authority
                """
        );
        var certificate = gateway.Authority.Issue("client-7", "client");
        string[] options = [version, "-servername", "a.example.com", "-cert", certificate.CertificateFile, "-key", certificate.KeyFile];
        options = [.. options, "-cipher", "ECDHE-ECDSA-AES256-GCM-SHA384", "-ciphersuites", "TLS_AES_256_GCM_SHA384"];
        await OpenSslPeerTests.TalkAsync(gateway.Authority, haproxy.Port, options, "one\n", "one");
        var theirs = await server.NextAsync();
        await OpenSslPeerTests.TalkAsync(gateway, options, "one\n", "one");
        var ours = await server.NextAsync();
        ours.Authority.ShouldBe(theirs.Authority);
        ours.SslCommonName.ShouldBe("client-7");
        Convert.ToHexString(ours.Ssl).ShouldBe(Convert.ToHexString(theirs.Ssl));
    }

    private static async Task ServeAsync(TlsHarness gateway, int backend, IReadOnlyList<ProxyProtocolTlv> tlvs)
    {
        var clients = new ClientCertificateConfig
        {
            Name = "ca",
            CaFile = gateway.Authority.CaFile,
            Required = false,
        };
        await gateway.ServeAsync(backend, gateway.ServerTls() with { ClientCertificates = clients, Alpn = ["mqtt"] });
        await gateway.Gateway.ApplyAsync(
            gateway.Config with
            {
                Backends = [gateway.Config.Backends[0] with { ProxyProtocol = Tlvs(tlvs) }],
            }
        );
    }

    private static BackendProxyProtocolConfig Tlvs(IReadOnlyList<ProxyProtocolTlv> tlvs) => new() { Tlvs = tlvs };

    private static X509Certificate2 Load(CertificateConfig files) =>
        X509Certificate2.CreateFromPemFile(files.CertificateFile, files.KeyFile);
}
