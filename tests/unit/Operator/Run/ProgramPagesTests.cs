using System.Globalization;
using System.Runtime.InteropServices;
using Mooring.Operator.Run;
using Range = Mooring.Operator.Run.ProgramPages.Range;

namespace Mooring.Operator.Tests.Run;

public sealed partial class ProgramPagesTests
{
    private const string Program = "00001000 fe:00 1234                      /app/the program.dll";

    [Theory]
    [InlineData($"7f0000001000-7f0000003000 r-xp {Program}", "0", true)]
    [InlineData($"7f0000001000-7f0000003000 r--p {Program}", "0", true)]
    // Pages of its own: relocations, or what a debugger wrote.
    [InlineData($"7f0000001000-7f0000003000 r-xp {Program}", "4", false)]
    [InlineData($"7f0000001000-7f0000003000 rw-p {Program}", "0", false)]
    [InlineData($"7f0000001000-7f0000003000 rwxp {Program}", "0", false)]
    [InlineData($"7f0000001000-7f0000003000 r-xs {Program}", "0", false)]
    [InlineData($"7f0000001000-7f0000003000 ---p {Program}", "0", false)]
    [InlineData("7f0000001000-7f0000003000 r-xp 00000000 00:00 0", "0", false)]
    [InlineData("7f0000001000-7f0000003000 r-xp 00000000 00:00 0                          [vdso]", "0", false)]
    [InlineData("7f0000001000-7f0000003000 r-xp 00000000 00:00 0                          /anything", "0", false)]
    [InlineData($"7f0000003000-7f0000001000 r-xp {Program}", "0", false)]
    [InlineData($"nonsense r-xp {Program}", "0", false)]
    public void Parse_OnlyCleanPagesOfFiles(string head, string anonymous, bool taken) =>
        ProgramPages
            .Parse([
                head,
                "Size:                  8 kB",
                "Rss:                   8 kB",
                $"Anonymous:           {anonymous, 5} kB",
                "Swap:                  0 kB",
            ])
            .ShouldBe(taken ? [new Range(unchecked((nuint)0x7f0000001000), 0x2000)] : []);

    [Theory]
    [InlineData("0", 1)]
    // A page of its own that was swapped out.
    [InlineData("4", 0)]
    public void Parse_WhatIsSwappedOut_IsNotTaken(string swapped, int taken) =>
        ProgramPages
            .Parse([
                $"7f0000001000-7f0000003000 r--p {Program}",
                "Anonymous:             0 kB",
                "LazyFree:              0 kB",
                $"Swap:                  {swapped} kB",
                "SwapPss:               0 kB",
            ])
            .Count.ShouldBe(taken);

    [Fact]
    public void Parse_KernelThatTellsLess_TakesNothing() =>
        ProgramPages
            .Parse([
                $"7f0000001000-7f0000003000 r-xp {Program}",
                "Anonymous:             0 kB",
                $"7f0000003000-7f0000004000 r--p {Program}",
                "Rss:                   8 kB",
                "Swap:                  0 kB",
                $"7f0000004000-7f0000005000 rw-p {Program}",
                "Anonymous:             0 kB",
                "Swap:                  0 kB",
            ])
            .ShouldBeEmpty();

    [Fact]
    public void Release_FileThatWasRead_IsNoLongerResidentAndReadsTheSame()
    {
        using var file = new MappedFile(pages: 64);
        var sum = file.Sum();
        file.ResidentKilobytes.ShouldBe(64 * 4);

        ProgramPages.Release(new HashSet<Range>());
        file.ResidentKilobytes.ShouldBe(64 * 4);

        // Of this process, which may be loading a library just now, no more than that.
        ProgramPages.Release(ProgramPages.Find().Where(file.Holds).ToHashSet());
        file.ResidentKilobytes.ShouldBe(0);
        file.Sum().ShouldBe(sum);
    }

    /// <summary>A file of random bytes, mapped privately for reading: as a program is.</summary>
    private sealed partial class MappedFile : IDisposable
    {
        private const int PageBytes = 4096;
        private readonly string _path = Path.GetTempFileName();
        private readonly nint _address;
        private readonly int _length;

        public MappedFile(int pages)
        {
            _length = pages * PageBytes;
            var bytes = new byte[_length];
            Random.Shared.NextBytes(bytes);
            File.WriteAllBytes(_path, bytes);
            using var handle = File.OpenHandle(_path);
            // linux/mman.h: PROT_READ, MAP_PRIVATE.
            _address = Map(0, (nuint)_length, 1, 2, (int)handle.DangerousGetHandle(), 0);
            _address.ShouldNotBe(-1);
        }

        public bool Holds(Range range) => range.Start == (nuint)_address;

        public int ResidentKilobytes =>
            int.Parse(
                File.ReadLines("/proc/self/smaps")
                    .SkipWhile(line => !line.StartsWith($"{_address:x}-", StringComparison.Ordinal))
                    .First(static line => line.StartsWith("Rss:", StringComparison.Ordinal))
                    .Split(' ', StringSplitOptions.RemoveEmptyEntries)[1],
                CultureInfo.InvariantCulture
            );

        public unsafe long Sum()
        {
            var sum = 0L;
            foreach (var one in new ReadOnlySpan<byte>((void*)_address, _length))
            {
                sum = (sum * 31) + one;
            }

            return sum;
        }

        public void Dispose()
        {
            _ = Unmap(_address, (nuint)_length);
            File.Delete(_path);
        }

        [LibraryImport("libc", EntryPoint = "mmap")]
        private static partial nint Map(nint at, nuint length, int protection, int flags, int file, nint offset);

        [LibraryImport("libc", EntryPoint = "munmap")]
        private static partial int Unmap(nint at, nuint length);
    }
}
