using System.Globalization;
using Spectre.Console;

namespace Mooring.Benchmarks.Harness;

/// <summary>Prints a report for people: with lines and colour on a terminal, as plain aligned columns elsewhere.</summary>
internal static class ReportTable
{
    public static void Print(Report report, string ours, TextWriter output, bool terminal)
    {
        var console = AnsiConsole.Create(
            new AnsiConsoleSettings
            {
                Ansi = terminal ? AnsiSupport.Detect : AnsiSupport.No,
                Interactive = InteractionSupport.No,
                Out = new AnsiConsoleOutput(output),
            }
        );
        if (!terminal)
        {
            // Without a terminal the width is a guess of 80, which would break the lines of a log.
            console.Profile.Width = 200;
        }

        var peers = report.Rows.SelectMany(row => row.Peers.Keys).Distinct().ToArray();
        var table = new Table { Border = terminal ? TableBorder.Rounded : TableBorder.Ascii2 };
        table.AddColumn("metric");
        table.AddColumn("unit");
        foreach (var name in peers.Prepend(ours))
        {
            table.AddColumn(new TableColumn(Markup.Escape(name)).RightAligned());
        }

        table.AddColumn(new TableColumn("ratio").RightAligned());
        table.AddColumn("goal");
        table.AddColumn("met");
        foreach (var row in report.Rows)
        {
            string[] cells =
            [
                Markup.Escape(row.Metric),
                Markup.Escape(row.Unit),
                Number(row.Ours),
                .. peers.Select(peer => Number(row.Peers.TryGetValue(peer, out var value) ? value : null)),
                row.Ratio is { } ratio ? ratio.ToString("0.00", CultureInfo.InvariantCulture) + "×" : "",
                Markup.Escape(row.Goal ?? ""),
                row.Met switch
                {
                    true => "[green]yes[/]",
                    false => "[yellow]no[/]",
                    null => "",
                },
            ];
            table.AddRow(cells);
        }

        console.Write(table);
        foreach (var note in report.Notes)
        {
            console.MarkupLineInterpolated($"note: {note}");
        }
    }

    private static string Number(double? value) =>
        value switch
        {
            null => "-",
            >= 1000 or <= -1000 => value.Value.ToString("#,0", CultureInfo.InvariantCulture),
            >= 100 or <= -100 => value.Value.ToString("0", CultureInfo.InvariantCulture),
            >= 10 or <= -10 => value.Value.ToString("0.0", CultureInfo.InvariantCulture),
            _ => value.Value.ToString("0.000", CultureInfo.InvariantCulture),
        };
}
