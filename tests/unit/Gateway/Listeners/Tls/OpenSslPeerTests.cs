using System.Diagnostics;
using Mooring.Gateway.Tests.Transport.Tls;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Listeners.Tls;

/// <summary>What .NET's own client cannot be made to do: key updates, renegotiation, old versions. By <c>openssl s_client</c>.</summary>
public sealed class OpenSslPeerTests
{
    [Fact]
    public async Task KeyUpdate_BothWays_IsFollowed()
    {
        // K: a new key for what the client sends, and the server is asked for one too.
        var output = await TalkAsync(["-tls1_3"], "one\nK\ntwo\nthree\n", until: "\nthree\n");
        output.ShouldContain("KEYUPDATE");
        foreach (var word in (string[])["one", "two", "three"])
        {
            output.ShouldContain(word);
        }
    }

    [Fact]
    public async Task Renegotiation_IsRefused() =>
        (await TalkAsync(["-tls1_2"], "one\nR\n", until: "no renegotiation")).ShouldContain("no renegotiation");

    [Theory]
    [InlineData("-tls1_1")]
    [InlineData("-tls1")]
    public async Task OldVersions_AreRefused(string version)
    {
        var output = await TalkAsync([version, "-cipher", "ALL:@SECLEVEL=0"], "one\n", until: "\n---\n");
        output.ShouldNotContain("\none\n");
    }

    [Theory]
    [InlineData("-tls1_2")]
    [InlineData("-tls1_3")]
    public async Task Ticket_IsResumedAfterAnyEnd(string version)
    {
        await using var gateway = new TlsHarness();
        using var server = new TestServer();
        await gateway.ServeAsync(server.Port, gateway.ServerTls());
        var session = Path.Combine(gateway.Authority.Folder, "session.pem");
        (await TalkAsync(gateway, [version, "-sess_out", session], "one\n", "one")).ShouldContain("New, ");
        (await TalkAsync(gateway, [version, "-sess_in", session], "two\n", "two")).ShouldContain("Reused, ");
        gateway.Listener!.ResumedHandshakesTotal.ShouldBe(1);
    }

    [Fact]
    public async Task Ticket_OfTls13_IsTakenByAnotherGatewayAndThroughARotation()
    {
        using var server = new TestServer();
        var clock = new ManualTime();
        await using var one = new TlsHarness(change: options => options with { Time = clock });
        await using var other = new TlsHarness(change: options => options with { Time = clock });
        var tls = one.ServerTls();
        await one.ServeAsync(server.Port, tls);
        await other.ServeAsync(server.Port, tls);
        var session = Path.Combine(one.Authority.Folder, "session.pem");
        (await TalkAsync(one, ["-tls1_3", "-sess_out", session], "one\n", "one")).ShouldContain("New, ");
        (await TalkAsync(other, ["-tls1_3", "-sess_in", session], "two\n", "two")).ShouldContain("Reused, ");
        other.Listener!.ResumedHandshakesTotal.ShouldBe(1);

        // Sealed with other keys from the next hour on; the ones before still open for two.
        await NextHourAsync(clock, other);
        (await TalkAsync(other, ["-tls1_3", "-sess_in", session, "-sess_out", session], "three\n", "three")).ShouldContain("Reused, ");
        for (var hours = 0; hours < 3; hours++)
        {
            await NextHourAsync(clock, one);
        }

        (await TalkAsync(one, ["-tls1_3", "-sess_in", session], "four\n", "four")).ShouldContain("New, ");
    }

    [Fact]
    public async Task Ticket_OfTls12_IsItsGatewaysAlone_AndElsewhereAFullHandshake()
    {
        using var server = new TestServer();
        var clock = new ManualTime();
        await using var one = new TlsHarness(change: options => options with { Time = clock });
        await using var other = new TlsHarness();
        var tls = one.ServerTls();
        await one.ServeAsync(server.Port, tls);
        await other.ServeAsync(server.Port, tls);
        var session = Path.Combine(one.Authority.Folder, "session.pem");
        (await TalkAsync(one, ["-tls1_2", "-sess_out", session], "one\n", "one")).ShouldContain("New, ");
        (await TalkAsync(other, ["-tls1_2", "-sess_in", session], "two\n", "two")).ShouldContain("New, ");
        (await TalkAsync(one, ["-tls1_2", "-sess_in", session], "three\n", "three")).ShouldContain("Reused, ");
        await NextHourAsync(clock, one);
        (await TalkAsync(one, ["-tls1_2", "-sess_in", session], "four\n", "four")).ShouldContain("Reused, ");
        for (var hours = 0; hours < 2; hours++)
        {
            await NextHourAsync(clock, one);
        }

        (await TalkAsync(one, ["-tls1_2", "-sess_in", session], "five\n", "five")).ShouldContain("New, ");
        one.Listener!.ResumedHandshakesTotal.ShouldBe(2);
        other.Listener!.ResumedHandshakesTotal.ShouldBe(0);
    }

    /// <summary>A backend's end without close_notify is none for the client either, which OpenSSL tells from a whole one.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task BackendsEnd_IsPassedOnAsItCame(bool cut)
    {
        await using var gateway = new TlsHarness();
        using var server = TlsRelayTests.CutAfterEcho(gateway, cut);
        await gateway.ServeAsync(server.Port, gateway.ServerTls(), gateway.ClientTls());
        var line = new string('a', 499);
        var output = await TalkAsync(gateway, [], $"{line}\n", until: cut ? "unexpected eof" : "\nclosed\n");
        output.Contains("unexpected eof", StringComparison.Ordinal).ShouldBe(cut);
        await gateway.Gateway.NoneOpenAsync();
    }

    private static async Task NextHourAsync(ManualTime clock, TlsHarness gateway)
    {
        clock.Advance(TimeSpan.FromHours(1));
        (await gateway.Gateway.Engine.ReloadCertificatesAsync()).Problems.ShouldBeEmpty();
    }

    private static async Task<string> TalkAsync(string[] options, string input, string until)
    {
        await using var gateway = new TlsHarness();
        using var server = new TestServer();
        await gateway.ServeAsync(server.Port, gateway.ServerTls());
        return await TalkAsync(gateway, options, input, until);
    }

    /// <summary>Sends lines one after the other, each once the one before was answered, and returns all that was said.</summary>
    internal static Task<string> TalkAsync(TlsHarness gateway, string[] options, string input, string until) =>
        TalkAsync(gateway.Authority, gateway.Port, options, input, until);

    /// <inheritdoc cref="TalkAsync(TlsHarness, string[], string, string)"/>
    internal static async Task<string> TalkAsync(TestAuthority authority, int port, string[] options, string input, string until)
    {
        var start = new ProcessStartInfo("openssl", ["s_client", "-connect", $"127.0.0.1:{port}", "-CAfile", authority.CaFile, .. options])
        {
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var process = Process.Start(start)!;
        var output = new System.Text.StringBuilder();
        void Keep(string? line)
        {
            lock (output)
            {
                output.Append(line).Append('\n');
            }
        }

        process.OutputDataReceived += (_, line) => Keep(line.Data);
        process.ErrorDataReceived += (_, line) => Keep(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        string Said()
        {
            lock (output)
            {
                return output.ToString();
            }
        }

        foreach (var line in input.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            await process.StandardInput.WriteAsync($"{line}\n");
            await process.StandardInput.FlushAsync();
            var heard = line switch
            {
                "K" => "KEYUPDATE",
                "R" => "RENEGOTIATING",
                _ => $"\n{line}\n",
            };
            await Until.TrueAsync(
                () => Said().Contains(heard, StringComparison.Ordinal) || process.HasExited,
                EngineHarness.Patience,
                heard
            );
        }

        await Until.TrueAsync(() => Said().Contains(until, StringComparison.Ordinal) || process.HasExited, EngineHarness.Patience, until);
        process.StandardInput.Close();
        await process.WaitForExitAsync().WaitAsync(EngineHarness.Patience);
        return Said();
    }
}
