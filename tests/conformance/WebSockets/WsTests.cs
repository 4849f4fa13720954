using Mooring.Testing;

namespace Mooring.Conformance.Tests.WebSockets;

/// <summary>The npm package <c>ws</c>, as client and as backend.</summary>
public sealed class WsTests
{
    [NodeTheory]
    [InlineData("messages")]
    [InlineData("fragments")]
    [InlineData("many")]
    [InlineData("compression")]
    [InlineData("pings")]
    [InlineData("subprotocols")]
    [InlineData("closing")]
    [InlineData("refusal")]
    [InlineData("headers")]
    public async Task ThroughTheGateway(string scenario)
    {
        var backend = Ports.Free();
        await using var gateway = await GatewayBinary.ServeAsync(backend);

        await Node.RunAsync("WebSockets/through-gateway.mjs", $"{gateway.Port}", $"{backend}", scenario);
    }

    [NodeFact]
    public async Task Terminate_InTheMiddleOfTraffic_ClosesBothEndsWithTheFleetsCode()
    {
        var backend = Ports.Free();
        await using var gateway = await GatewayBinary.ServeAsync(backend);
        using var node = await Node.StartAsync("WebSockets/through-gateway.mjs", $"{gateway.Port}", $"{backend}", "drain");
        (await node.StandardOutput.ReadLineAsync()).ShouldBe("READY");
        await gateway.TerminateAsync();

        await Node.ExpectOkAsync(node);
        (await gateway.ExitAsync()).ShouldBe(0);
    }

    [NodeTheory]
    [InlineData("none")]
    [InlineData("shared")]
    [InlineData("takeover")]
    public async Task AgainstTheCodec(string deflate)
    {
        await using var echo = await GatewayBinary.CodecEchoAsync(deflate == "none" ? null : deflate);
        await Node.RunAsync("WebSockets/against-codec.mjs", $"{echo.Port}", deflate);
        await echo.TerminateAsync();

        (await echo.ExitAsync()).ShouldBe(0);
    }

    [NodeFact]
    public async Task AgainstTheEchoServer()
    {
        await using var echo = await GatewayBinary.EchoAsync();
        await Node.RunAsync("WebSockets/against-echo.mjs", $"{echo.Port}");
        await echo.TerminateAsync();

        (await echo.ExitAsync()).ShouldBe(0);
    }
}
