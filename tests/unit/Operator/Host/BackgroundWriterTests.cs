using System.Text;
using Mooring.Operator.Host.Output;
using Mooring.Testing;

namespace Mooring.Operator.Tests.Host;

public sealed class BackgroundWriterTests
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task Write_ReaderStopped_HoldsNobodyUpAndTellsWhatIsLeftOut()
    {
        using var reader = new StoppedReader();
        await using var writer = new BackgroundWriter(reader, tellsWhatIsLeftOut: true);
        await Task.Run(() =>
            {
                for (var i = 0; i < 3 * BackgroundWriter.MaxTexts; i++)
                {
                    writer.WriteLine($"line {i}");
                }
            })
            .WaitAsync(Deadline);
        reader.GoOn();
        await Until.TrueAsync(() => reader.Text.Contains("lines left out)\n", StringComparison.Ordinal), Deadline, "the note");
        reader.Text.ShouldStartWith("line 0\nline 1\n");
        reader.Text.Split('\n').Length.ShouldBeInRange(BackgroundWriter.MaxTexts, BackgroundWriter.MaxTexts + 5);
        writer.WriteLine("after");
        await Until.TrueAsync(() => reader.Text.EndsWith("after\n", StringComparison.Ordinal), Deadline, "the line after");
    }

    [Fact]
    public void Write_OneHugeText_IsLeftOut()
    {
        using var reader = new StoppedReader();
        reader.GoOn();
        using (var writer = new BackgroundWriter(reader, tellsWhatIsLeftOut: false))
        {
            writer.Write(new string('x', BackgroundWriter.MaxCharacters + 1));
            writer.Write("small");
        }

        reader.Text.ShouldBe("small");
    }

    [Fact]
    public async Task Write_ReaderGone_FailsAsAPipeDoes()
    {
        await using var writer = new BackgroundWriter(new GoneReader(), tellsWhatIsLeftOut: true);
        await Until.TrueAsync(
            () =>
            {
                try
                {
                    writer.WriteLine("x");
                    return false;
                }
                catch (IOException)
                {
                    return true;
                }
            },
            Deadline,
            "the failure"
        );
    }

    private sealed class StoppedReader : TextWriter
    {
        private readonly ManualResetEventSlim _open = new();
        private readonly StringBuilder _text = new();

        public override Encoding Encoding => Encoding.UTF8;

        public string Text
        {
            get
            {
                lock (_text)
                {
                    return _text.ToString();
                }
            }
        }

        public void GoOn() => _open.Set();

        public override void Write(string? value)
        {
            _open.Wait(Deadline);
            lock (_text)
            {
                _text.Append(value);
            }
        }

        protected override void Dispose(bool disposing)
        {
            _open.Set();
            base.Dispose(disposing);
        }
    }

    private sealed class GoneReader : TextWriter
    {
        public override Encoding Encoding => Encoding.UTF8;

        public override void Write(string? value) => throw new IOException("Broken pipe");
    }
}
