using System.Net;
using System.Text;
using System.Text.Json;
using Mooring.Gateway.Telemetry;
using Mooring.Testing;

namespace Mooring.Gateway.Tests.Telemetry;

public sealed class GatewayLogTests
{
    private static readonly DateTimeOffset Time = new(2026, 11, 21, 8, 0, 0, TimeSpan.Zero);

    [Fact]
    public async Task Access_IsOneLineOfJson()
    {
        var lines = await WriteEntriesAsync(
            new AccessEntry
            {
                Time = Time,
                Listener = "live",
                ClientAddress = IPAddress.IPv6Loopback,
                ClientPort = 1234,
                Backend = "app",
                Endpoint = "app-0",
                ReceivedBytes = 5,
                SentBytes = 7,
                Duration = TimeSpan.FromMilliseconds(1500.9),
                Reason = "client",
            }
        );

        lines
            .ShouldHaveSingleItem()
            .ShouldBe(
                """{"time":"2026-11-21T08:00:00+00:00","type":"access","listener":"live","client":"[::1]:1234","backend":"app","endpoint":"app-0","""
                    + """ "bytesIn":5,"bytesOut":7,"durationMs":1500,"reason":"client"} """.Trim()
            );
    }

    [Fact]
    public async Task Event_EscapesWhatItIsGiven()
    {
        var lines = await WriteAsync(log =>
            log.Event("config_rejected", ("errors", new[] { "a\n\"b\"" }), ("count", 1), ("ok", false), ("none", null))
        );

        using var json = JsonDocument.Parse(lines.ShouldHaveSingleItem());
        json.RootElement.GetProperty("event").GetString().ShouldBe("config_rejected");
        json.RootElement.GetProperty("errors")[0].GetString().ShouldBe("a\n\"b\"");
        json.RootElement.GetProperty("count").GetInt32().ShouldBe(1);
        json.RootElement.GetProperty("ok").GetBoolean().ShouldBeFalse();
        json.RootElement.GetProperty("none").ValueKind.ShouldBe(JsonValueKind.Null);
    }

    [Fact]
    public async Task Sink_OutputThatBlocks_DropsAndCounts()
    {
        using var blocked = new BlockedStream();
        var sink = new LogSink(blocked, capacity: 10);
        var log = new GatewayLog(sink, new AccessLogMode(1), TimeProvider.System);
        log.Event("first");
        await blocked.Entered.Task.WaitAsync(TimeSpan.FromSeconds(30));
        for (var i = 0; i < 25; i++)
        {
            log.Event("more");
        }

        log.Dropped.ShouldBe(15);
        blocked.Release.SetResult();
        await sink.DisposeAsync();
        Encoding.UTF8.GetString(blocked.ToArray()).Split('\n', StringSplitOptions.RemoveEmptyEntries).Length.ShouldBe(11);
    }

    [Fact]
    public async Task Sink_OutputThatBreaks_DoesNotStopTheCaller()
    {
        using var broken = new BlockedStream();
        broken.Release.SetException(new IOException("gone"));
        var sink = new LogSink(broken, capacity: 1000);
        var log = new GatewayLog(sink, new AccessLogMode(1), TimeProvider.System);
        for (var i = 0; i < 100; i++)
        {
            log.Event("more");
        }

        await sink.DisposeAsync();
        log.Dropped.ShouldBe(0);
    }

    [Fact]
    public async Task Sink_EntryThatCannotBeWritten_IsLeftOutAlone()
    {
        using var output = new MemoryStream();
        var sink = new LogSink(output);
        var log = new GatewayLog(sink, new AccessLogMode(1), TimeProvider.System);
        log.Event("before");
        log.Event("broken", ("text", new string('x', 5000)), ("ratio", double.NaN));
        log.Event("after");
        await sink.DisposeAsync();

        var lines = Encoding.UTF8.GetString(output.ToArray()).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        lines.Select(line => JsonDocument.Parse(line).RootElement.GetProperty("event").GetString()).ShouldBe(["before", "after"]);
        log.Dropped.ShouldBe(1);
    }

    [Fact]
    public async Task Sink_OutputThatNobodyReads_DoesNotKeepTheProcess()
    {
        using var blocked = new BlockedStream();
        var time = new ManualTime();
        var sink = new LogSink(blocked, time: time);
        new GatewayLog(sink, new AccessLogMode(1), TimeProvider.System).Event("first");
        await blocked.Entered.Task.WaitAsync(TimeSpan.FromSeconds(30));

        var ending = sink.DisposeAsync().AsTask();
        ending.IsCompleted.ShouldBeFalse();
        time.Advance(TimeSpan.FromSeconds(2));
        await ending.WaitAsync(TimeSpan.FromSeconds(30));
        blocked.Release.SetResult();
    }

    [Theory]
    [InlineData("on", 1)]
    [InlineData("off", 0)]
    [InlineData("sample:100", 100)]
    [InlineData("sample:0", -1)]
    [InlineData("sample:-1", -1)]
    [InlineData("sample:1000001", -1)]
    [InlineData("sample:", -1)]
    [InlineData("ON", -1)]
    [InlineData("", -1)]
    public void AccessLogMode_Parses(string text, int every)
    {
        AccessLogMode.TryParse(text, out var mode).ShouldBe(every >= 0);
        mode.Every.ShouldBe(Math.Max(every, 0));
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(1, 300)]
    [InlineData(100, 3)]
    public async Task WantsAccess_Samples(int every, int expected)
    {
        await using var sink = new LogSink(Stream.Null);
        var log = new GatewayLog(sink, new AccessLogMode(every), TimeProvider.System);

        Enumerable.Range(0, 300).Count(_ => log.WantsAccess()).ShouldBe(expected);
    }

    [Fact]
    public async Task Sink_FinishedLines_AreDroppedTogetherAndCountedEach()
    {
        using var blocked = new BlockedStream();
        var sink = new LogSink(blocked, capacity: 10);
        var log = new GatewayLog(sink, new AccessLogMode(1), TimeProvider.System);
        log.Event("first");
        await blocked.Entered.Task.WaitAsync(TimeSpan.FromSeconds(30));
        log.Access("1\n2\n3\n4\n5\n6\n"u8.ToArray(), 6);
        log.Access("a\nb\nc\nd\ne\n"u8.ToArray(), 5);
        log.Access("7\n8\n9\n10\n"u8.ToArray(), 4);

        log.Dropped.ShouldBe(5);
        blocked.Release.SetResult();
        await sink.DisposeAsync();
        Encoding.UTF8.GetString(blocked.ToArray()).ShouldEndWith("}\n1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n");
    }

    private static async Task<string[]> WriteEntriesAsync(params AccessEntry[] entries)
    {
        var buffer = new System.Buffers.ArrayBufferWriter<byte>();
        using var json = new Utf8JsonWriter(buffer, LogSink.Options);
        foreach (var entry in entries)
        {
            LogSink.AppendLine(json, buffer, entry);
        }

        return await WriteAsync(log => log.Access(buffer.WrittenMemory, entries.Length));
    }

    private static async Task<string[]> WriteAsync(Action<GatewayLog> write)
    {
        using var output = new MemoryStream();
        await using (var sink = new LogSink(output))
        {
            write(new GatewayLog(sink, new AccessLogMode(1), TimeProvider.System));
        }

        return Encoding.UTF8.GetString(output.ToArray()).Split('\n', StringSplitOptions.RemoveEmptyEntries);
    }

    private sealed class BlockedStream : MemoryStream
    {
        public TaskCompletionSource Entered { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public TaskCompletionSource Release { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            Entered.TrySetResult();
            await Release.Task;
            await base.WriteAsync(buffer, cancellationToken);
        }
    }
}
