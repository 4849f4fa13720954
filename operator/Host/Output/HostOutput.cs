using System.Text.Json;
using Mooring.Operator.Dashboard;

namespace Mooring.Operator.Host.Output;

internal enum OutputFormat
{
    Table,
    Json,
}

/// <summary>Prints the fleets as they change, and lines about what happens between.</summary>
/// <remarks>
/// Thread-safe. On a terminal the table stays at the bottom and is drawn anew in place; elsewhere each change is a line of its own. Figures alone are
/// printed at most once a second. With JSON, one object a line and change on the output, and what happens on the error stream.
/// </remarks>
internal sealed class HostOutput(TextWriter output, TextWriter error, OutputFormat format, bool isTerminal, TimeProvider time)
{
    private static readonly TimeSpan FiguresPause = TimeSpan.FromSeconds(1);
    private readonly Lock _lock = new();
    private readonly Dictionary<string, (string Key, string State, DateTimeOffset At)> _shown = new(StringComparer.Ordinal);
    private IReadOnlyList<FleetOverview> _fleets = [];
    private IReadOnlyList<string> _drawn = [];
    private bool _outputBroken;
    private bool _errorBroken;

    /// <summary>Prints a line about what happens.</summary>
    public void Say(string line)
    {
        lock (_lock)
        {
            if (isTerminal && format == OutputFormat.Table)
            {
                Guard(
                    ref _outputBroken,
                    () =>
                    {
                        Erase();
                        output.WriteLine(line);
                        Draw();
                    }
                );
            }
            else
            {
                Guard(
                    ref _errorBroken,
                    () =>
                    {
                        error.WriteLine($"{time.GetUtcNow():yyyy-MM-dd'T'HH:mm:ss.fff'Z'} {line}");
                        error.Flush();
                    }
                );
            }
        }
    }

    /// <summary>Shows the fleets, as far as they have changed.</summary>
    public void Show(IReadOnlyList<FleetOverview> fleets)
    {
        lock (_lock)
        {
            _fleets = fleets;
            Guard(ref _outputBroken, isTerminal && format == OutputFormat.Table ? Redraw : PrintChanged);
        }
    }

    private void Redraw()
    {
        if (!Lines().SequenceEqual(_drawn))
        {
            Erase();
            Draw();
        }
    }

    private void Draw()
    {
        _drawn = Lines();
        foreach (var line in _drawn)
        {
            output.WriteLine(line);
        }

        output.Flush();
    }

    private IReadOnlyList<string> Lines() => _fleets.Count == 0 ? [] : FleetTable.Render(_fleets, time.GetUtcNow(), Width());

    private void Erase()
    {
        if (_drawn.Count > 0)
        {
            // Cursor up, then clear to the end of the screen (ECMA-48 CUU and ED).
            output.Write($"\u001b[{_drawn.Count}A\u001b[J");
            _drawn = [];
        }
    }

    private void PrintChanged()
    {
        var now = time.GetUtcNow();
        foreach (var gone in _shown.Keys.Where(key => _fleets.All(fleet => KeyOf(fleet) != key)).ToList())
        {
            _shown.Remove(gone);
        }

        foreach (var fleet in _fleets)
        {
            var key = format == OutputFormat.Json ? JsonKey(fleet) : FleetTable.Key(fleet);
            var state = $"{fleet.Phase} {fleet.GatewaysReady}/{fleet.GatewaysDesired} {fleet.BackendsReady}/{fleet.BackendsDesired}";
            var known = _shown.TryGetValue(KeyOf(fleet), out var shown);
            if (known && (shown.Key == key || (shown.State == state && now - shown.At < FiguresPause)))
            {
                continue;
            }

            var first = _shown.Count == 0;
            _shown[KeyOf(fleet)] = (key, state, now);
            if (format == OutputFormat.Json)
            {
                output.WriteLine(JsonSerializer.Serialize(fleet, OverviewJson.Default.FleetOverview));
            }
            else
            {
                foreach (var line in FleetTable.Render([fleet], now, int.MaxValue).Skip(first ? 0 : 1))
                {
                    output.WriteLine(line);
                }
            }

            output.Flush();
        }
    }

    private static string KeyOf(FleetOverview fleet) => $"{fleet.Namespace}/{fleet.Name}";

    // Memory and CPU change all the time and are no event.
    private static string JsonKey(FleetOverview fleet) =>
        JsonSerializer.Serialize(
            fleet with
            {
                Gateways = [.. fleet.Gateways.Select(static gateway => gateway with { ResidentBytes = 0, CpuSeconds = 0 })],
            },
            OverviewJson.Default.FleetOverview
        );

    private static int Width()
    {
        try
        {
            return Console.WindowWidth is > 0 and var width ? width : 80;
        }
        catch (IOException)
        {
            return 80;
        }
    }

    private static void Guard(ref bool broken, Action print)
    {
        if (broken)
        {
            return;
        }

        try
        {
            print();
        }
        catch (IOException)
        {
            // Whoever read it is gone (`operator up | head`): the fleets run on, and so does the other stream.
            broken = true;
        }
    }
}
