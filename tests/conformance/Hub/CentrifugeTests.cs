using System.Diagnostics;

namespace Mooring.Conformance.Tests.Hub;

/// <summary>The npm package <c>centrifuge</c>, untouched, in both encodings.</summary>
public sealed class CentrifugeTests
{
    private const string Script = "Hub/centrifuge.mjs";

    [NodeTheory]
    [InlineData("connect")]
    [InlineData("publish")]
    [InlineData("refused")]
    [InlineData("recovery")]
    [InlineData("presence")]
    [InlineData("rpc")]
    [InlineData("server")]
    [InlineData("delta")]
    [InlineData("refresh")]
    [InlineData("api")]
    [InlineData("cent")]
    public async Task Json(string scenario)
    {
        await using var gateway = await HubGateway.StartAsync();

        await Node.RunAsync(Script, $"{gateway.Port}", "json", scenario, gateway.Directory);
    }

    [NodeTheory]
    [InlineData("connect")]
    [InlineData("publish")]
    [InlineData("refused")]
    [InlineData("recovery")]
    [InlineData("presence")]
    [InlineData("rpc")]
    [InlineData("server")]
    [InlineData("delta")]
    [InlineData("refresh")]
    [InlineData("api")]
    [InlineData("cent")]
    public async Task Protobuf(string scenario)
    {
        await using var gateway = await HubGateway.StartAsync();

        await Node.RunAsync(Script, $"{gateway.Port}", "protobuf", scenario, gateway.Directory);
    }

    [NodeTheory]
    [InlineData("json", "compression", "{}")]
    [InlineData("protobuf", "compression", "{\"level\": 6, \"minBytes\": 0, \"windowBits\": 13}")]
    [InlineData("json", "bomb", "{}")]
    [InlineData("protobuf", "bomb", "{}")]
    [InlineData("json", "recovery", "{\"minBytes\": 0}")]
    [InlineData("json", "delta", "{\"minBytes\": 0, \"windowBits\": 9}")]
    [InlineData("protobuf", "server", "{\"minBytes\": 0}")]
    public async Task Compressed(string encoding, string scenario, string compression)
    {
        await using var gateway = await HubGateway.StartAsync(compression: compression);

        await Node.RunAsync(Script, $"{gateway.Port}", encoding, scenario, gateway.Directory);
    }

    [PeerFact("/usr/lib/python3/dist-packages/websockets/__init__.py", "python3-websockets")]
    public async Task Compressed_PythonWebSockets()
    {
        await using var gateway = await HubGateway.StartAsync(compression: "{}");
        var script = Path.Combine(Node.Directory, "WebSockets", "peer.py");
        using var client = Process.Start(
            new ProcessStartInfo("/usr/bin/python3", [script, "hub", $"{gateway.Port}"])
            {
                RedirectStandardOutput = true,
                UseShellExecute = false,
            }
        )!;

        await Node.ExpectOkAsync(client);
    }

    [NodeTheory]
    [InlineData("json")]
    [InlineData("protobuf")]
    public async Task PublicKeys_OfAnyAlgorithm_ChangeWhileItServes(string encoding)
    {
        await using var gateway = await HubGateway.StartAsync("\"publicKeysFile\": \"{0}/keys.pem\"");

        await Node.RunAsync(Script, $"{gateway.Port}", encoding, "algorithms", gateway.Directory);
    }

    [NodeFact]
    public async Task Keys_ThatComeWhileItServes_AreTaken()
    {
        await using var gateway = await HubGateway.StartAsync("\"jwksUrl\": \"http://127.0.0.1:{1}/keys\"");

        await Node.RunAsync(Script, $"{gateway.Port}", "json", "jwks", gateway.Directory);
    }

    [NodeFact]
    public async Task Terminate_ClosesClientsByShutdown_SoThatTheyComeAgain()
    {
        await using var gateway = await HubGateway.StartAsync();
        using var node = await Node.StartAsync(Script, $"{gateway.Port}", "json", "drain", gateway.Directory);
        (await node.StandardOutput.ReadLineAsync()).ShouldBe("READY");
        await gateway.TerminateAsync();

        await Node.ExpectOkAsync(node);
        (await gateway.ExitAsync()).ShouldBe(0);
    }
}
