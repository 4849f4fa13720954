using Microsoft.Extensions.Logging;
using Mooring.Operator.Host;

namespace Mooring.Operator.Tests.Host;

public sealed class SayingLoggerTests
{
    [Fact]
    public void Log_SaysWhatIsAskedFor_AndWhereADefectWas()
    {
        var said = new List<string>();
        var logger = new SayingLogger(said.Add, LogLevel.Information);
        Exception thrown;
        try
        {
            throw new InvalidOperationException("broken");
        }
        catch (InvalidOperationException caught)
        {
            thrown = caught;
        }

        Log(LogLevel.Debug, null);
        Log(LogLevel.Information, null);
        Log(LogLevel.Warning, thrown);
        Log(LogLevel.Error, thrown);

        said.Count.ShouldBe(3);
        (said[0], said[1]).ShouldBe(("text", "text: broken"));
        said[2].ShouldContain(nameof(Log_SaysWhatIsAskedFor_AndWhereADefectWas));

        void Log(LogLevel level, Exception? error) => logger.Log(level, default, "text", error, static (text, _) => text);
    }
}
