using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using Mooring.Operator.Host;

namespace Mooring.Operator.Tests.Host;

/// <summary>The admin API of host mode, on real gateways.</summary>
[Collection(nameof(UpTests))]
public sealed class UpAdminTests
{
    private const string Fleet = "/api/v1/fleets/default/quickstart";

    [Fact]
    public async Task Admin_ScalesCordonsDrainsAndPauses()
    {
        await using var up = new UpProcess(UpTests.Quickstart);
        await up.ReadyAsync();
        using var http = Client(up);
        File.GetUnixFileMode(Path.Combine(up.StateDirectory, "admin-token")).ShouldBe(UnixFileMode.UserRead | UnixFileMode.UserWrite);
        up.Errors.ShouldContain("admin API at");

        var scaled = await PostAsync(http, $"{Fleet}/scale-up", """{"instances":1}""");
        ((int)scaled["previous"]!, (int)scaled["replicas"]!).ShouldBe((2, 3));
        await up.UntilAsync(() => up.Errors.Contains($" at {Fleet}/scale-up", StringComparison.Ordinal), "a line that says who did what");
        await up.UntilAsync(static fleet => fleet is { GatewaysReady: 3, GatewaysDesired: 3 }, "a third gateway");
        await up.UntilAsync(() => Stats(http)["serverCount"]!.GetValue<int>() == 3, "stats of three");

        // A cordoned gateway keeps its client; another takes its place.
        using var client = await up.ConnectAsync();
        (await up.EchoesAsync(client)).ShouldBeTrue();
        await up.UntilAsync(static fleet => fleet.Gateways.Any(static gateway => gateway.Connections > 0), "the client's gateway");
        var held = up.Fleet!.Gateways.First(static gateway => gateway.Connections > 0).Name;
        ((string)(await PostAsync(http, $"{Fleet}/gateways/{held}/cordon"))["hold"]!).ShouldBe("cordon");
        await up.UntilAsync(
            fleet => fleet.Gateways.Count == 4 && fleet.Gateways.First(gateway => gateway.Name == held).State == "Cordoned",
            "one cordoned, another in its place"
        );
        (await up.EchoesAsync(client)).ShouldBeTrue();
        (await PostAsync(http, $"{Fleet}/gateways/{held}/uncordon"))["hold"].ShouldBeNull();
        await up.UntilAsync(
            static fleet => fleet.Gateways.Count == 3 && fleet.Gateways.All(static one => one.State == "Serving"),
            "three again"
        );
        (await up.EchoesAsync(client)).ShouldBeTrue();

        // A drained one goes, and its client is handed over to the others.
        var victim = up.Fleet!.Gateways.First(static gateway => gateway.Connections > 0);
        await PostAsync(http, $"{Fleet}/gateways/{victim.Name}/drain");
        await up.UntilAsync(
            fleet =>
                fleet is { GatewaysReady: 3, Gateways.Count: 3 } && fleet.Gateways.All(gateway => gateway.ProcessId != victim.ProcessId),
            "another in the place of the drained"
        );
        (await up.EchoesAsync(client)).ShouldBeTrue();

        // A paused fleet takes no order but to go on, and the number that was asked for meanwhile holds then.
        ((bool)(await PostAsync(http, $"{Fleet}/pause"))["paused"]!).ShouldBeTrue();
        await up.UntilAsync(static fleet => fleet.Phase == "Paused", "the pause");
        using var refused = await SendAsync(http, $"{Fleet}/gateways/{up.Fleet!.Gateways[0].Name}/drain", null);
        refused.StatusCode.ShouldBe(HttpStatusCode.Conflict);
        ((string)(await PostAsync(http, $"{Fleet}/scale-down", """{"instances":2}"""))["note"]!).ShouldContain("paused");
        up.Fleet!.Gateways.Count.ShouldBe(3);
        ((bool)(await PostAsync(http, $"{Fleet}/resume"))["paused"]!).ShouldBeFalse();
        await up.UntilAsync(static fleet => fleet is { GatewaysReady: 1, GatewaysDesired: 1, Gateways.Count: 1 }, "one gateway");
        (await up.EchoesAsync(client)).ShouldBeTrue();

        // An edit of something else leaves the number; the manifest has the last word where it speaks of it.
        up.Edit("perAddress: 1000", "perAddress: 999");
        var hash = up.Fleet!.ConfigHash;
        await up.UntilAsync(fleet => fleet.ConfigHash != hash, "the edit");
        up.Fleet!.GatewaysDesired.ShouldBe(1);
    }

    [Fact]
    public async Task Admin_WithoutTheToken_ShowsAndChangesNothing()
    {
        await using var up = new UpProcess(UpTests.Quickstart);
        await up.ReadyAsync();
        using var http = Client(up);
        using var wrong = await SendAsync(http, "/api/v1/fleets/default/quickstart/scale-up", """{"instances":1000}""");
        wrong.StatusCode.ShouldBe(HttpStatusCode.UnprocessableEntity);
        using var none = await SendAsync(http, "/api/v1/fleets/default/none/pause", null);
        none.StatusCode.ShouldBe(HttpStatusCode.NotFound);
        using var missing = await SendAsync(http, $"{Fleet}/gateways/other/drain", null);
        missing.StatusCode.ShouldBe(HttpStatusCode.NotFound);
        using var scaling = await SendAsync(http, $"{Fleet}/scaling/pause", null);
        scaling.StatusCode.ShouldBe(HttpStatusCode.UnprocessableEntity);
        (await http.GetStringAsync(new Uri("/api/v1/cluster/status", UriKind.Relative))).ShouldContain("\"mode\":\"host\"");

        http.DefaultRequestHeaders.Authorization = null;
        using var refused = await SendAsync(http, $"{Fleet}/scale-up", """{"instances":1}""");
        refused.StatusCode.ShouldBe(HttpStatusCode.Unauthorized);
        // Whoever is on this machine may look.
        // Ready says the status; the first reports may still be on their way.
        await up.UntilAsync(() => Get(http, $"{Fleet}/capacity")["hasCapacity"]!.GetValue<bool>(), "free slots");
        up.Fleet!.GatewaysDesired.ShouldBe(2);
    }

    /// <summary>What cannot be done is not done later either, with an edit that has nothing to do with it.</summary>
    [Fact]
    public async Task Admin_ResumeThatCannotBe_IsForgotten()
    {
        await using var up = new UpProcess(UpTests.Quickstart);
        await up.ReadyAsync();
        using var http = Client(up);
        using var other = new TcpListener(IPAddress.Loopback, 0);
        other.Start();
        var line = $"  - {{name: more, protocol: TCP, port: {((IPEndPoint)other.LocalEndpoint).Port}, backend: echo}}\n";
        var text = await File.ReadAllTextAsync(up.ManifestPath, up.Deadline);
        up.Edit(
            text,
            text.Replace("  backends:\n", line + "  backends:\n", StringComparison.Ordinal)
                .Replace("spec:\n", "spec:\n  paused: true\n", StringComparison.Ordinal)
        );
        await up.UntilAsync(static fleet => fleet.Phase == "Paused", "the pause");

        using var refused = await SendAsync(http, $"{Fleet}/resume", null);
        refused.StatusCode.ShouldBe(HttpStatusCode.Conflict);
        (await refused.Content.ReadAsStringAsync(up.Deadline)).ShouldContain("the port is in use");
        up.Edit("replicas: 2 # echo", "replicas: 3 # echo");
        await up.UntilAsync(() => up.Errors.Split("fleet.yaml applied").Length > 2 || up.Errors.Contains("not applied"), "the edit");

        up.Errors.ShouldNotContain("not applied");
        up.Fleet!.Phase.ShouldBe("Paused");
    }

    [Theory]
    [InlineData("/var/lib/mooring/admin-token", "/var/lib/mooring/admin-token")]
    [InlineData("/home/a b/admin-token", "'/home/a b/admin-token'")]
    [InlineData("/home/$USER's/admin-token", "'/home/$USER'\\''s/admin-token'")]
    public void ForShell_IsOneWord(string path, string expected) => HostRunner.ForShell(path).ShouldBe(expected);

    private static HttpClient Client(UpProcess up)
    {
        var http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{up.HttpPort}"), Timeout = TimeSpan.FromSeconds(60) };
        var token = File.ReadAllText(Path.Combine(up.StateDirectory, "admin-token")).Trim();
        http.DefaultRequestHeaders.Authorization = new("Bearer", token);
        return http;
    }

    private static JsonNode Stats(HttpClient http) => Get(http, $"{Fleet}/stats");

    private static JsonNode Get(HttpClient http, string path)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        using var answer = http.Send(request);
        using var reader = new StreamReader(answer.Content.ReadAsStream());
        return JsonNode.Parse(reader.ReadToEnd())!;
    }

    private static Task<HttpResponseMessage> SendAsync(HttpClient http, string path, string? json) =>
        http.PostAsync(new Uri(path, UriKind.Relative), json is null ? null : new StringContent(json, Encoding.UTF8, "application/json"));

    private static async Task<JsonNode> PostAsync(HttpClient http, string path, string? json = null)
    {
        using var answer = await SendAsync(http, path, json);
        var text = await answer.Content.ReadAsStringAsync();
        answer.IsSuccessStatusCode.ShouldBeTrue($"{path}: {text}");
        return JsonNode.Parse(text)!;
    }
}
