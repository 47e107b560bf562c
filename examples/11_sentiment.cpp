// Sentiment of movie reviews by hardmax dynamics: an encoder of words, eight layers, a linear decoder;
// docs/dynamics.md.
//
//   11_sentiment [--full] [--data DIR] [--html FILE] [--seeds N] [--epochs N] [--threads N]
//
// Without --full one model of d = 16 is trained, within seconds. Exit code 1: the accuracy is not what it was.

#include <CLI/CLI.hpp>
#include <iostream>
#include <mutex>

#include "11_sentiment/report.hpp"
#include "11_sentiment/train.hpp"
#include "common/default_trace.hpp"
#include "common/format.hpp"
#include "common/timing.hpp"
#include "crest/executors.hpp"

namespace {

namespace fs = std::filesystem;
using namespace sentiment;

struct Options {
  fs::path data{}, html{};
  bool full = false;
  int seeds = 5, epochs = 12, threads = 2;
};

/// One model to train; each seed has a split of its own, unless the data are split.
struct Job {
  TrainOptions options;
  const Reviews* reviews;
  Model model{};
  Verdict verdict{};
};

void say(const std::string& line) {
  static std::mutex one_at_a_time;
  const std::scoped_lock lock(one_at_a_time);
  std::cerr << line << std::endl;
}

void run(Job& job) {
  const std::string name = "d = " + std::to_string(job.options.d) + ", seed " + std::to_string(job.options.seed);
  job.model = train(*job.reviews, job.options, [&](int epoch, double loss) {
    if (epoch % 4 == 3) say("... " + name + ": epoch " + std::to_string(epoch + 1) + ", loss " + demo::fixed(loss, 3));
  });
  job.verdict = judge(job.model, job.reviews->test);
  say(name + ": " + demo::fixed(job.verdict.accuracy, 3) + " of the held-out reviews judged rightly");
}

std::vector<Job> jobs(const Options& o, const std::vector<Reviews>& splits) {
  std::vector<Job> all;
  for (int d : o.full ? std::vector{16, 8, 4, 2} : std::vector{16})
    for (int seed = 1; seed <= static_cast<int>(splits.size()); ++seed)
      all.push_back({{.d = d, .epochs = o.epochs, .seed = static_cast<std::uint64_t>(seed)}, &splits[seed - 1]});
  return all;
}

std::vector<Width> widths(const std::vector<Job>& jobs) {
  std::vector<Width> widths;
  for (const Job& job : jobs) {
    if (widths.empty() || widths.front().d != job.options.d) widths.insert(widths.begin(), Width{.d = job.options.d});
    widths.front().accuracy.push_back(job.verdict.accuracy);
    widths.front().alpha += job.model.alpha();
    widths.front().leaders += job.verdict.leaders;
  }
  for (Width& w : widths) {
    w.alpha /= static_cast<double>(w.accuracy.size());
    w.leaders /= static_cast<double>(w.accuracy.size());
  }
  return widths;
}

/// Prints a fact that must hold; returns whether it does.
bool check(bool good, const char* fact) {
  std::cout << (good ? "ok: " : "WRONG: ") << fact << '\n';
  return good;
}

bool as_expected(const Options& o, const std::vector<Job>& jobs, const std::vector<Width>& widths) {
  bool alike = true, rising = true;
  for (const Job& job : jobs) alike &= job.verdict.agreement >= 0.99;
  for (std::size_t i = 1; i < widths.size(); ++i) rising &= widths[i].mean() > widths[i - 1].mean();
  bool good = check(alike, "crest in float and the model in double agree on 99 % of the reviews");
  good &= check(widths.back().mean() >= 0.74, "d = 16 reaches 0.74");
  return o.full ? check(rising, "more dimensions are better") && good : good;
}

int demonstrate(const Options& o) {
  const Corpus corpus = read_corpus(o.data);
  std::vector<Reviews> splits;
  for (int seed = 1; seed <= (o.full ? o.seeds : 1); ++seed) splits.push_back(split_reviews(corpus, seed));
  std::vector<Job> all = jobs(o, splits);
  crest::Pool(o.threads).parallel(static_cast<crest::Index>(all.size()),
                                  [&](crest::Index, crest::Index i) { run(all[i]); });
  const std::vector<Width> results = widths(all);
  const Model flat = train(splits.front(), {.d = 2, .epochs = o.epochs});
  std::cout << demo::text_table(accuracy_table(results)) << "\nd = 2:\n"
            << demo::text_table(leader_table(leader_words(flat, splits.front())));
  if (!o.html.empty()) page({results, flat, splits.front()}).write(o.html.string());
  return as_expected(o, all, results) ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  Options options{.data = demo::data_folder("movie_reviews")};
  CLI::App app("Sentiment of movie reviews by hardmax dynamics");
  app.add_flag("--full", options.full, "train d = 2, 4, 8 and 16, several seeds each");
  app.add_option("--data", options.data, "folder of pos.txt and neg.txt, or IMDb's aclImdb folder");
  app.add_option("--html", options.html, "file to write the report to");
  app.add_option("--seeds", options.seeds, "seeds with --full")->check(CLI::Range(1, 100));
  app.add_option("--epochs", options.epochs, "times all reviews are seen")->check(CLI::Range(1, 1000));
  app.add_option("--threads", options.threads, "models trained at a time")->check(CLI::Range(1, 64));
  CLI11_PARSE(app, argc, argv);
  try {
    const demo::Elapsed elapsed;
    const int code = demonstrate(options);
    std::cout << "took " << demo::fixed(elapsed(), 1) << " s\n";
    return code;
  } catch (const std::exception& e) {
    std::cerr << "11_sentiment: " << e.what() << '\n';
    return 1;
  }
}
