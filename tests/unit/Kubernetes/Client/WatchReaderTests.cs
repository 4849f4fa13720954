using System.Text;
using Mooring.Kubernetes.Client;
using Mooring.Testing;
using static Mooring.Kubernetes.Tests.Widgets;

namespace Mooring.Kubernetes.Tests.Client;

public sealed class WatchReaderTests
{
    private const string Added = """{"type":"ADDED","object":{"metadata":{"name":"a","resourceVersion":"5"},"spec":{"color":"red"}}}""";

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(4096)]
    public async Task Read_AnySplit_GivesTheSameEvents(int chunk)
    {
        var text =
            Added
            + "\n\n"
            + Added.Replace("ADDED", "DELETED", StringComparison.Ordinal)
            + "\n"
            + """{"type":"BOOKMARK","object":{"kind":"Widget","metadata":{"resourceVersion":"9"}}}"""
            + "\n";
        var events = await ReadAsync(new Chunks(text, chunk));
        events
            .Select(one => (one.Type, one.ResourceVersion))
            .ShouldBe([(WatchEventType.Added, "5"), (WatchEventType.Deleted, "5"), (WatchEventType.Bookmark, "9")]);
        events[0].Object!.Spec!.Color.ShouldBe("red");
        events[2].Object.ShouldBeNull();
    }

    [Fact]
    public async Task Read_ObjectBeforeType_IsFine()
    {
        var events = await ReadAsync(
            new Chunks("""{"object":{"metadata":{"name":"a","resourceVersion":"5"}},"more":[1],"type":"MODIFIED"}""" + "\n", 9)
        );
        events.ShouldHaveSingleItem().Type.ShouldBe(WatchEventType.Modified);
    }

    [Fact]
    public async Task Read_ErrorEvent_IsThrown()
    {
        var line = """{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"too old resource version"}}""";
        var error = await Should.ThrowAsync<KubernetesException>(ReadAsync(new Chunks(line + "\n", 100)));
        error.IsExpired.ShouldBeTrue();
    }

    [Theory]
    [InlineData("nonsense")]
    [InlineData("{\"type\":\"ODD\",\"object\":{}}")]
    [InlineData("{\"type\":\"ADDED\"}")]
    [InlineData("{\"type\":\"ADDED\",\"object\":7}")]
    [InlineData("{\"type\":\"ADDED\",\"object\":null}")]
    [InlineData("[]")]
    [InlineData("{\"type\":\"ERROR\"}")]
    public async Task Read_Malformed_IsInvalidData(string line)
    {
        var error = await Should.ThrowAsync<InvalidDataException>(ReadAsync(new Chunks(line + "\n", 100)));
        error.Message.ShouldStartWith("watch of widgets.test.mooring.dev: ");
    }

    [Fact]
    public async Task Read_LineWithoutEnd_IsBounded()
    {
        var error = await Should.ThrowAsync<InvalidDataException>(ReadAsync(new Chunks(new string('x', 100_000), 4096), maxLine: 10_000));
        error.Message.ShouldContain("longer than 10000 bytes");
    }

    [Fact]
    public async Task Read_CutInMidLine_DropsThePart() => (await ReadAsync(new Chunks(Added + "\n" + Added[..20], 50))).Count.ShouldBe(1);

    [Fact]
    public async Task Read_Silence_IsATimeout()
    {
        var time = new ManualTime();
        var reading = ReadAsync(new Silence(), time: time);
        await Until.TrueAsync(() => time.SetTimers > 0, Deadline, "the reader waits");
        time.Advance(TimeSpan.FromSeconds(29));
        reading.IsCompleted.ShouldBeFalse();
        time.Advance(TimeSpan.FromSeconds(1));
        (await Should.ThrowAsync<TimeoutException>(reading)).Message.ShouldContain("silent for 00:00:30");
    }

    private static async Task<List<WatchEvent<Widget>>> ReadAsync(Stream stream, int maxLine = 1_000_000, TimeProvider? time = null)
    {
        List<WatchEvent<Widget>> events = [];
        var source = WatchReader.ReadAsync(
            Kind,
            stream,
            TimeSpan.FromSeconds(30),
            maxLine,
            time ?? TimeProvider.System,
            CancellationToken.None
        );
        await foreach (var one in source)
        {
            events.Add(one);
        }

        return events;
    }

    /// <summary>A text that comes in pieces.</summary>
    private sealed class Chunks(string text, int size) : MemoryStream(Encoding.UTF8.GetBytes(text))
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            base.ReadAsync(buffer[..Math.Min(size, buffer.Length)], cancellationToken);
    }

    private sealed class Silence : MemoryStream
    {
        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            await Task.Delay(Timeout.Infinite, cancellationToken);
            return 0;
        }
    }
}
