using System.Diagnostics;
using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.SignalR;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Mooring.Testing;

namespace Mooring.Conformance.Tests.WebSockets;

/// <summary>Whole applications, their servers and their clients by others, untouched, through two gateways at once.</summary>
public sealed class ApplicationTests
{
    private const string Script = "WebSockets/applications.mjs";
    private const string LibWebSockets = "/usr/bin/libwebsockets-test-server";
    private const string LibWebSocketsClient = "/usr/bin/libwebsockets-test-client";
    private const string Python = "/usr/bin/python3";

    [NodeTheory]
    [InlineData("socket.io")]
    [InlineData("mqtt")]
    [InlineData("phoenix")]
    [InlineData("graphql")]
    public async Task ThroughTwoGateways(string application)
    {
        var backend = Ports.Free();
        await using var one = await GatewayBinary.ServeAsync(backend);
        await using var other = await GatewayBinary.ServeAsync(backend);

        await Node.RunAsync(Script, $"{one.Port}", $"{other.Port}", $"{backend}", application);
    }

    [NodeFact]
    public async Task SignalR_ThroughTwoGateways()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        builder.Services.AddSignalR();
        await using var server = builder.Build();
        server.MapHub<DeckHub>("/hub");
        await server.StartAsync();
        var backend = new Uri(server.Urls.First()).Port;
        await using var one = await GatewayBinary.ServeAsync(backend);
        await using var other = await GatewayBinary.ServeAsync(backend);

        await Node.RunAsync(Script, $"{one.Port}", $"{other.Port}", "0", "signalr");
    }

    [PeerFact(LibWebSockets, "libwebsockets-test-server")]
    public async Task LibWebSockets_AsBackend()
    {
        var backend = Ports.Free();
        using var server = Process.Start(
            new ProcessStartInfo(LibWebSockets, ["-p", $"{backend}", "-i", "lo", "-d", "1"])
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
                UseShellExecute = false,
            }
        )!;
        _ = server.StandardOutput.ReadToEndAsync();
        _ = server.StandardError.ReadToEndAsync();
        try
        {
            await using var one = await GatewayBinary.ServeAsync(backend);
            await Node.RunAsync(Script, $"{one.Port}", $"{one.Port}", "0", "libwebsockets");
        }
        finally
        {
            server.Kill();
        }
    }

    [PeerFact("/usr/lib/python3/dist-packages/websockets/__init__.py", "python3-websockets")]
    public async Task PythonWebSockets_AsBackendAndAsClient()
    {
        var backend = Ports.Free();
        var script = Path.Combine(Node.Directory, "WebSockets", "peer.py");
        using var server = Start(Python, script, "server", $"{backend}");
        try
        {
            (await server.StandardOutput.ReadLineAsync()).ShouldBe("READY");
            await using var gateway = await GatewayBinary.ServeAsync(backend);
            using var client = Start(Python, script, "client", $"{gateway.Port}");
            await Node.ExpectOkAsync(client);
        }
        finally
        {
            server.Kill();
        }
    }

    /// <summary>It sends without end, and its log says of each frame that came back what it made of it. A frame that it does not like would end the connection.</summary>
    [PeerTheory(LibWebSocketsClient, "libwebsockets-test-server")]
    [InlineData(null)]
    [InlineData("shared")]
    [InlineData("takeover")]
    public async Task LibWebSockets_AgainstTheCodec(string? deflate)
    {
        await using var echo = await GatewayBinary.CodecEchoAsync(deflate);
        using var client = Process.Start(
            new ProcessStartInfo(LibWebSocketsClient, ["--justmirror", "-d", "31", "--port", $"{echo.Port}", "127.0.0.1"])
            {
                RedirectStandardError = true,
                UseShellExecute = false,
            }
        )!;
        try
        {
            using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(60));
            var (frames, isCompressed) = (0, false);
            while (frames < 1000)
            {
                var line = await client.StandardError.ReadLineAsync(limit.Token);
                line.ShouldNotBeNull($"it ended after {frames} frames");
                line.ShouldNotContain("LWS_CALLBACK_CLOSED");
                isCompressed |= line.Contains("instantiating client ext permessage-deflate", StringComparison.Ordinal);
                frames += line.Contains("lws_ws_client_rx_sm: bulk ws rx", StringComparison.Ordinal) ? 1 : 0;
            }

            isCompressed.ShouldBe(deflate is not null);
        }
        finally
        {
            client.Kill();
        }
    }

    [PeerTheory("/usr/lib/python3/dist-packages/websockets/__init__.py", "python3-websockets")]
    [InlineData(null)]
    [InlineData("shared")]
    [InlineData("takeover")]
    public async Task PythonWebSockets_AgainstTheCodec(string? deflate)
    {
        await using var echo = await GatewayBinary.CodecEchoAsync(deflate);
        using var client = Start(Python, Path.Combine(Node.Directory, "WebSockets", "peer.py"), "codec", $"{echo.Port}");

        await Node.ExpectOkAsync(client);
    }

    [NodeFact]
    public async Task Tls_StrictClient()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        request.CertificateExtensions.Add(names.Build());
        using var certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddDays(-1), DateTimeOffset.UtcNow.AddDays(1));
        var directory = Directory.CreateTempSubdirectory("mooring");
        try
        {
            var (chain, secret) = (Path.Combine(directory.FullName, "tls.crt"), Path.Combine(directory.FullName, "tls.key"));
            await File.WriteAllTextAsync(chain, certificate.ExportCertificatePem());
            await File.WriteAllTextAsync(secret, key.ExportPkcs8PrivateKeyPem());
            var backend = Ports.Free();
            await using var gateway = await GatewayBinary.ServeAsync(port =>
                $$"""
                    {
                      "fleet": "default/conformance",
                      "listeners": [{
                        "name": "live", "protocol": "WebSocket", "port": {{port}}, "backend": "app",
                        "tls": {"certificates": [{"name": "own", "certificateFile": "{{chain}}", "keyFile": "{{secret}}"}]}
                      }],
                      "backends": [{"name": "app", "addresses": [{"address": "127.0.0.1:{{backend}}"}]}]
                    }
                    """
            );

            await Node.RunAsync(Script, $"{gateway.Port}", chain, $"{backend}", "wss");
        }
        finally
        {
            directory.Delete(recursive: true);
        }
    }

    private static Process Start(string file, params string[] arguments) =>
        Process.Start(new ProcessStartInfo(file, arguments) { RedirectStandardOutput = true, UseShellExecute = false })!;

    /// <summary>Both clients are on this one server: what one says the other hears.</summary>
    private sealed class DeckHub : Microsoft.AspNetCore.SignalR.Hub
    {
        public int Add(int a, int b) => a + b;

        public Task Say(string text, string more) => Clients.Others.SendAsync("said", text, more);

        public async IAsyncEnumerable<int> Count(int to)
        {
            for (var i = 0; i < to; i++)
            {
                await Task.Yield();
                yield return i;
            }
        }
    }
}
