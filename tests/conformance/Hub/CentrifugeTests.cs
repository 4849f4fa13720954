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
    public async Task Protobuf(string scenario)
    {
        await using var gateway = await HubGateway.StartAsync();

        await Node.RunAsync(Script, $"{gateway.Port}", "protobuf", scenario, gateway.Directory);
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
